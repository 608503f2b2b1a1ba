"""What a person asks to be set up: an engine, a cluster where there is none, its images; outside the guard."""
