"""What the simulated backup products have in common: hosts, disks, bytes, work, serving.

No product is named here. Each has a room of its own with its API, its rules and its words.
"""
