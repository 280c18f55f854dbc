r"""Hyper-V Replica on the wire: `Msvm_ReplicationService` with its classes and methods.

InstanceIDs of relationships are ``Microsoft:<GUID>\HVR\0``, of extended legs ``…\HVR\1``; that
both ends of an extended leg use the latter is [I], as are the InstanceIDs of server settings and
authorisations, and the class in which health issues travel.
"""
