"""One module for each family of faults: its `IDS` and `check(snapshot)`. Being here makes it a rule."""
