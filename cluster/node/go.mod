module shipmate/node

go 1.24
