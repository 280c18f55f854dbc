"""The texts of failed jobs, with the HRESULTs that clients look for.

Own wording; codes as the fact sheet lists them from field reports [B].
"""

from __future__ import annotations

from safepoint_lab.world.enums import ReturnValue
from safepoint_lab.world.jobs import JobFailedError

__all__ = [
    "disk_full",
    "file_exists",
    "file_missing",
    "no_production_checkpoint",
    "not_snapshottable",
    "share_gone",
    "too_many_checkpoints",
    "writer_failed",
]


def writer_failed(vm: str, hresult: str) -> JobFailedError:
    """Return the failure of a VSS writer inside the guest."""
    return _checkpoint(vm, f"A writer inside the guest failed. ({hresult})")


def no_production_checkpoint(vm: str) -> JobFailedError:
    """Return the failure of a guest that cannot be brought to rest."""
    return _checkpoint(
        vm, "Production checkpoints cannot be created: the guest cannot be quiesced. (0x800423F4)"
    )


def file_exists(vm: str, path: str) -> JobFailedError:
    """Return the failure caused by a left-over differencing file."""
    return _checkpoint(vm, f"The file exists: {path}. (0x80070050)")


def file_missing(vm: str, path: str) -> JobFailedError:
    """Return the failure caused by a missing disk file."""
    message = f"'{vm}' failed: the file was not found: {path}. (0x80070002)"
    return JobFailedError(message)


def disk_full(vm: str) -> JobFailedError:
    """Return the failure of a full volume."""
    return _checkpoint(vm, "There is not enough space on the disk. (0x80070070)")


def share_gone(vm: str, path: str) -> JobFailedError:
    """Return the failure of a share that does not answer."""
    return _checkpoint(vm, f"The network path was not found: {path}. (0x80070035)")


def not_snapshottable(vm: str) -> JobFailedError:
    """Return the failure caused by a disk that cannot be frozen."""
    message = f"'{vm}' has a physical disk attached, which cannot take checkpoints."
    return JobFailedError(message, code=ReturnValue.NOT_SUPPORTED)


def too_many_checkpoints(vm: str, limit: int) -> JobFailedError:
    """Return the failure at the limit of checkpoints; number and text are inference [I]."""
    return _checkpoint(vm, f"The limit of {limit} checkpoints is reached.")


def _checkpoint(vm: str, why: str) -> JobFailedError:
    message = f"'{vm}' could not initiate a checkpoint operation."
    return JobFailedError(message, details=f"{message} {why}")
