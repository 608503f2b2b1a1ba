"""Short-lived Jobs of Shipmate's own: to try what reading cannot tell, and to look inside. They remove themselves."""
