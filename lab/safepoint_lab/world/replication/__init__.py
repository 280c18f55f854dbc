"""Hyper-V Replica of the lab's world: replica servers, relationships, cycles and failovers.

The two sides of a relationship are two VMs with one GUID in two clusters. What the guest of the
primary writes goes into a log beside its disk (`changelog`), the log is sent by cycles of the
lab's clock (`cycles`) and written into the replica's own disk file. Recovery points are
checkpoints of the replica VM, so a failover stands it on files that hold exactly what had
arrived. `desk.ReplicationDesk` is what the rest of the world and the wire use.

Evidence tags are those of `safepoint_lab.world.enums`.
"""
