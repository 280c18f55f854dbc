"""The numbers of Hyper-V Replica as they are on the wire [D]."""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "APPLICATION_HOURS",
    "HISTORY_HOURS",
    "INTERVALS",
    "Authentication",
    "InitialCopy",
    "ReplicationHealth",
    "ReplicationKind",
    "ReplicationMode",
    "ReplicationState",
]

INTERVALS = (30, 300, 900)
HISTORY_HOURS = 24
APPLICATION_HOURS = 12


class ReplicationMode(IntEnum):
    """`Msvm_ComputerSystem.ReplicationMode`."""

    NONE = 0
    PRIMARY = 1
    REPLICA = 2
    TEST = 3
    EXTENDED = 4


class ReplicationState(IntEnum):
    """`Msvm_ReplicationRelationship.ReplicationState`, as far as the lab reaches them."""

    DISABLED = 0
    READY = 1
    WAITING_FOR_INITIAL = 2
    REPLICATING = 3
    PREPARED = 4
    RECOVERED = 5
    COMMITTED = 6
    SUSPENDED = 7
    CRITICAL = 8
    WAITING_FOR_RESYNC = 9
    RESYNCHRONIZING = 10
    RESYNC_SUSPENDED = 11
    FAILING_OVER = 12
    REPURPOSED = 18


class ReplicationHealth(IntEnum):
    """`Msvm_ReplicationRelationship.ReplicationHealth`."""

    NOT_APPLICABLE = 0
    OK = 1
    WARNING = 2
    CRITICAL = 3


class ReplicationKind(IntEnum):
    """`LastReplicationType` and `FailedOverReplicationType`."""

    NONE = 0
    REGULAR = 1
    APPLICATION = 2
    PLANNED = 3


class Authentication(IntEnum):
    """`AuthenticationType`; the numbers of a server's `AllowedAuthenticationType` are bits."""

    KERBEROS = 1
    CERTIFICATE = 2


class InitialCopy(IntEnum):
    """`InitialReplicationType` of StartReplication."""

    NETWORK = 1
    EXPORT = 2
    SEEDED = 3
