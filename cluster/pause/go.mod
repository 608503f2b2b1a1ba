module shipmate/pause

go 1.24
