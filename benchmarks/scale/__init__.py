"""A cluster of a thousand nodes on this machine, with planted faults: what a diagnosis is measured on."""
