"""A simulated estate of real servers on loopback, with real disks."""
