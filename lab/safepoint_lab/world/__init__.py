"""The one deterministic world behind the lab's servers: nodes, VMs, real disks, real merges."""
