"""What Hyper-V means, on top of CIM: VMs, checkpoints, jobs, clusters, restore.

Every function takes a `CimClient` and typed arguments and returns frozen data. Nothing waits:
long work returns a job to be looked at again.
"""
