"""The numbers and words of the product that the simulator speaks [S][O]."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = [
    "ADMIN_SUBTASK",
    "AGENTS",
    "AGING_OPERATION",
    "BACKUP_OPERATION",
    "BACKUP_SUBTASK",
    "COMMCELL_ID",
    "FILE_SYSTEM",
    "HYPERV",
    "HYPERV_CLASS",
    "INSTALL_OPERATION",
    "PACKAGES",
    "RESTORE_OPERATION",
    "RESTORE_SUBTASK",
    "SERVER_PLAN",
    "VIRTUAL_SERVER",
    "VSA_PACKAGE",
    "Activity",
    "Content",
    "Status",
]

COMMCELL_ID = 2
VIRTUAL_SERVER = 106
FILE_SYSTEM = 33
AGENTS = {VIRTUAL_SERVER: "Virtual Server", FILE_SYSTEM: "File System"}
VSA_PACKAGE = 713
PACKAGES = {VSA_PACKAGE: VIRTUAL_SERVER, 702: FILE_SYSTEM, 1: 0, 51: 0, 453: 0, 455: 0}
"""Windows packages, and the agent that appears with each (0: none)."""
HYPERV = 2
"""Hyper-V where it is written, and in the list of pseudo-clients."""
HYPERV_CLASS = 102
"""Hyper-V where an instance is read."""
SERVER_PLAN = 33554437

ADMIN_SUBTASK, BACKUP_SUBTASK, RESTORE_SUBTASK = 1, 2, 3
INSTALL_OPERATION, BACKUP_OPERATION, RESTORE_OPERATION, AGING_OPERATION = 4026, 2, 1001, 4018


class Activity(IntEnum):
    """What activity control switches; ALL counts for every other one."""

    BACKUP = 1
    RESTORE = 2
    AGING = 16
    ALL = 128


class Content(IntEnum):
    """`type` of a content rule (VSAObjects)."""

    SERVER = 1
    RES_POOL = 2
    VAPP = 3
    DATACENTER = 4
    FOLDER = 5
    CLUSTER = 6
    DATASTORE = 7
    DATASTORE_CLUSTER = 8
    VM = 9
    VM_NAME = 10
    VM_GUEST_OS = 11
    VM_GUEST_HOST_NAME = 12
    CLUSTER_SHARED_VOLUMES = 13
    LOCAL_DISK = 14
    CLUSTER_DISK = 15
    UNPROTECTED_VMS = 16
    ROOT = 17
    FILE_SERVER = 18
    SMB_SHARE = 19
    VM_POWER_STATE = 28
    VM_NOTES = 29
    VM_CUSTOM_ATTRIBUTE = 30
    NETWORK = 31
    TAG = 34
    TAG_CATEGORY = 35


class Status(StrEnum):
    """Texts of a job's status [S][D]."""

    RUNNING = "Running"
    WAITING = "Waiting"
    PENDING = "Pending"
    QUEUED = "Queued"
    SUSPENDING = "Suspend Pending"
    SUSPENDED = "Suspended"
    KILLING = "Kill Pending"
    KILLED = "Killed"
    COMPLETED = "Completed"
    ERRORS = "Completed w/ one or more errors"
    WARNINGS = "Completed w/ one or more warnings"
    FAILED = "Failed"
    FAILED_TO_START = "Failed to Start"

    @property
    def ended(self) -> bool:
        """Whether a job stays in it."""
        return self in _ENDS


_ENDS = frozenset(
    {
        Status.KILLED,
        Status.COMPLETED,
        Status.ERRORS,
        Status.WARNINGS,
        Status.FAILED,
        Status.FAILED_TO_START,
    }
)
