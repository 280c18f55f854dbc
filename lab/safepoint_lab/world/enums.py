"""The numbers and words of Hyper-V that the world keeps as they are on the wire.

Evidence tags of the facts are those of the fact sheet: [D] vendor's class pages, [R] seen on a
real host, [S] vendor samples, [I] inference.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = [
    "BusyStatus",
    "CheckpointType",
    "Consistency",
    "ControllerKind",
    "GuestBackupType",
    "GuestOs",
    "ImageKind",
    "JobState",
    "JobType",
    "MergePhase",
    "NodeState",
    "PowerState",
    "ReturnValue",
    "ServiceStatus",
    "SnapshotRequest",
    "UserSnapshotType",
]


class NodeState(IntEnum):
    """`MSCluster_Node.State` [D]."""

    UP = 0
    DOWN = 1
    PAUSED = 2
    JOINING = 3


class PowerState(IntEnum):
    """`Msvm_ComputerSystem.EnabledState` [D]; 2, 3, 6 and 9 were seen on real hosts [R]."""

    RUNNING = 2
    OFF = 3
    SHUTTING_DOWN = 4
    SAVED = 6
    PAUSED = 9
    STARTING = 10


class BusyStatus(IntEnum):
    """`OperationalStatus[1]` of a VM while something is under way [D]."""

    CREATING_SNAPSHOT = 32768
    APPLYING_SNAPSHOT = 32769
    DELETING_SNAPSHOT = 32770
    MERGING_DISKS = 32772
    MIGRATING = 32774


class ServiceStatus(IntEnum):
    """`OperationalStatus[0]` of an integration component such as `Msvm_VssComponent` [D]."""

    OK = 2
    DEGRADED = 3
    NON_RECOVERABLE = 7
    NO_CONTACT = 12
    LOST_COMMUNICATION = 13


class JobType(IntEnum):
    """`Msvm_ConcreteJob.JobType` as far as the lab starts such jobs [D]."""

    MERGE_DISKS = 50
    VSS_SNAPSHOT = 51
    IMPORT = 61
    EXPORT = 62
    REGISTER = 63
    UNREGISTER = 64
    SNAPSHOT = 70
    APPLY_SNAPSHOT = 71
    DELETE_SNAPSHOT = 72
    CLEAR_SNAPSHOT_STATE = 73
    POWER = 4
    DEFINE = 1
    DESTROY = 3
    MODIFY = 20
    MIGRATE = 42
    STORAGE = 5
    REPLICA_SERVER = 90
    REPLICA_CREATE = 91
    REPLICA_MODIFY = 92
    REPLICA_REMOVE = 93
    REPLICA_INITIAL = 94
    REPLICA_IMPORT = 95
    REPLICA_STATE = 96
    REPLICA_FAILOVER = 97
    REPLICA_REVERT = 98
    REPLICA_COMMIT = 99
    REPLICA_PREPARE = 100
    REPLICA_TEST = 102
    REPLICA_REVERSE = 104
    REPLICA_RESYNC = 107
    REPLICA_CONNECTION = 115
    REPLICA_EXPORT = 118
    REPLICA_RESET_FIGURES = 119


class JobState(IntEnum):
    """`CIM_ConcreteJob.JobState` [D]; 32768 is "completed with warnings" [S]."""

    NEW = 2
    STARTING = 3
    RUNNING = 4
    SUSPENDED = 5
    SHUTTING_DOWN = 6
    COMPLETED = 7
    TERMINATED = 8
    KILLED = 9
    EXCEPTION = 10
    COMPLETED_WITH_WARNINGS = 32768


class ReturnValue(IntEnum):
    """Method return values of the Msvm family [D] that the world refuses with."""

    COMPLETED = 0
    JOB_STARTED = 4096
    INVALID_TRANSITION = 4097
    FAILED = 32768
    ACCESS_DENIED = 32769
    NOT_SUPPORTED = 32770
    TIMEOUT = 32772
    INVALID_PARAMETER = 32773
    IN_USE = 32774
    INVALID_STATE = 32775
    NOT_AVAILABLE = 32777
    FILE_NOT_FOUND = 32779


class CheckpointType(StrEnum):
    """`Msvm_VirtualSystemSettingData.VirtualSystemType` of checkpoints [D]."""

    REALIZED = "Microsoft:Hyper-V:Snapshot:Realized"
    RECOVERY = "Microsoft:Hyper-V:Snapshot:Recovery"
    REPLICA_STANDARD = "Microsoft:Hyper-V:Snapshot:Replica:Standard"
    REPLICA_APPLICATION = "Microsoft:Hyper-V:Snapshot:Replica:ApplicationConsistent"
    REPLICA_PLANNED = "Microsoft:Hyper-V:Snapshot:Replica:PlannedFailover"


class SnapshotRequest(IntEnum):
    """`CreateSnapshot.SnapshotType`: 2, 3 [D]; 32768 = recovery checkpoint [S]."""

    FULL = 2
    DISK = 3
    RECOVERY = 32768


class Consistency(StrEnum):
    """What a checkpoint really froze; the lab knows it, a client has to find out."""

    APPLICATION = "application"
    CRASH = "crash"
    STANDARD = "standard"


class GuestBackupType(IntEnum):
    """`Msvm_VirtualSystemSnapshotSettingData.GuestBackupType` [D]."""

    UNDEFINED = 0
    FULL = 1
    COPY = 2


class UserSnapshotType(IntEnum):
    """`Msvm_VirtualSystemSettingData.UserSnapshotType` [D]; not for recovery ones [I]."""

    DISABLED = 2
    PRODUCTION = 3
    PRODUCTION_ONLY = 4
    STANDARD = 5


class GuestOs(StrEnum):
    """The family of the guest operating system."""

    WINDOWS = "windows"
    LINUX = "linux"


class ControllerKind(StrEnum):
    """Kind of a disk controller; the value is its `ResourceSubType` tail [D]."""

    IDE = "Emulated IDE Controller"
    SCSI = "Synthetic SCSI Controller"


class ImageKind(IntEnum):
    """`Msvm_VirtualHardDiskSettingData.Type` [D]."""

    FIXED = 2
    DYNAMIC = 3
    DIFFERENCING = 4


class MergePhase(StrEnum):
    """Where the background merge of one disk stands."""

    QUEUED = "queued"
    RUNNING = "running"
    STALLED = "stalled"
    FAILED = "failed"
