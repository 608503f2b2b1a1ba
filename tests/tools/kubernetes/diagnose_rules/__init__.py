"""Each rule on made snapshots: the fault it tells, and what only looks like it."""
