"""Every error that safepoint raises on purpose, in one tree.

::

    SafepointError                  exit 1   what, where, why in one line; `hint` says what to do
    ├─ UsageError                        2   the caller asked for something that cannot be
    │  ├─ ConfigError                        estate documents are wrong (carries diagnostics)
    │  └─ UnknownNameError                   no such job, VM, point, driver ("did you mean …")
    ├─ PluginError                       4
    │  ├─ PluginLoadError                    the plugin could not be imported or registered
    │  ├─ PluginIncompatibleError            written for another boundary version
    │  └─ DriverContractError                a driver broke a rule of the boundary
    ├─ UnsupportedError                  5   the connected system cannot do it; level and reason
    ├─ PlanError                         6
    │  ├─ PlanStaleError                     the world or the estate moved since the plan was made
    │  ├─ PlanRejectedError                  a guard or a finding forbids it
    │  └─ PlanNotConvergedError              applied, and the next plan is not empty
    ├─ LifecycleError                    7
    │  ├─ IllegalTransitionError             this event cannot happen in this state
    │  ├─ LeaseHeldError                     another run holds the VM
    │  ├─ FencedError                        our lease was taken over; touch nothing any more
    │  ├─ CheckpointLeftError                a checkpoint could not be proved released
    │  └─ ReplicaRefusedError                a deed on a replica would hurt; nothing was done
    ├─ DriverError                       8   a call to a connected system failed
    │  ├─ TransientError                     wait and repeat
    │  │  ├─ UnreachableError
    │  │  ├─ ThrottledError                  (retry_after_seconds)
    │  │  └─ BusyError                       another operation holds the object
    │  ├─ PermanentError                     tell the user
    │  │  ├─ AuthenticationError
    │  │  ├─ CertificateError
    │  │  ├─ PermissionDeniedError
    │  │  ├─ NotFoundError
    │  │  ├─ ConflictError
    │  │  ├─ InvalidRequestError
    │  │  ├─ QuiesceError                    the guest could not be made consistent
    │  │  ├─ StorageFullError
    │  │  ├─ ProtocolError                   the answer was not what the protocol allows
    │  │  └─ VendorFaultError                the product failed for a reason of its own
    │  └─ OutcomeUnknownError                sent, no answer: look first, never repeat blindly
    ├─ RunError                          9   the calls worked, the work failed
    │  ├─ RunFailedError
    │  ├─ RunCancelledError
    │  ├─ RunTimedOutError
    │  └─ DamagedDataError                   bytes in a repository or disk are not what they were
    └─ StoreError                       10   safepoint's own journal cannot be read or written

The branch under `DriverError` decides what the core does next: repeat, tell, or look.
"""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import override

__all__ = [
    "AuthenticationError",
    "BusyError",
    "CertificateError",
    "CheckpointLeftError",
    "ConfigError",
    "ConflictError",
    "DamagedDataError",
    "DriverContractError",
    "DriverError",
    "FencedError",
    "IllegalTransitionError",
    "InvalidRequestError",
    "LeaseHeldError",
    "LifecycleError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermanentError",
    "PermissionDeniedError",
    "PlanError",
    "PlanNotConvergedError",
    "PlanRejectedError",
    "PlanStaleError",
    "PluginError",
    "PluginIncompatibleError",
    "PluginLoadError",
    "ProtocolError",
    "QuiesceError",
    "ReplicaRefusedError",
    "RunCancelledError",
    "RunError",
    "RunFailedError",
    "RunTimedOutError",
    "SafepointError",
    "StorageFullError",
    "StoreError",
    "ThrottledError",
    "TransientError",
    "UnknownNameError",
    "UnreachableError",
    "UnsupportedError",
    "UsageError",
    "VendorFaultError",
]


class SafepointError(Exception):
    """Anything safepoint raises on purpose.

    Args:
        message: What failed, where and why, in one line without a trailing full stop's worth
            of stack detail. Never a secret.
        hint: What the reader can do about it, as a sentence; empty when there is nothing.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def to_dict(self) -> dict[str, Any]:
        """Return the stable JSON form: code, message, hint, exit_code and what a kind adds."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "exit_code": self.exit_code,
        }


class UsageError(SafepointError):
    """The caller asked for something that cannot be done as asked."""

    code = "usage"
    exit_code = 2


class ConfigError(UsageError):
    """Estate documents are wrong; `findings` lists every one of them as text lines."""

    code = "config"

    def __init__(self, message: str, *, findings: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = findings

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form with the findings."""
        return {**super().to_dict(), "findings": list(self.findings)}


class UnknownNameError(UsageError):
    """A name that nothing answers to: a job, VM, restore point, run, driver or fault."""

    code = "unknown-name"


class PluginError(SafepointError):
    """A plugin is at fault."""

    code = "plugin"
    exit_code = 4


class PluginLoadError(PluginError):
    """A plugin could not be imported or registered; the others keep working."""

    code = "plugin-load"


class PluginIncompatibleError(PluginError):
    """A plugin was written for a boundary version that this core does not speak."""

    code = "plugin-incompatible"


class DriverContractError(PluginError):
    """A driver broke a rule of the boundary, such as raising an undeclared exception."""

    code = "driver-contract"


class UnsupportedError(SafepointError):
    """The connected system cannot do this; never retried."""

    code = "unsupported"
    exit_code = 5


class PlanError(SafepointError):
    """A plan was refused, is stale or did not converge."""

    code = "plan"
    exit_code = 6


class PlanStaleError(PlanError):
    """The world or the estate is not what the plan was made for; nothing was changed."""

    code = "plan-stale"


class PlanRejectedError(PlanError):
    """A guard or an error finding forbids the plan; `findings` lists them as text lines."""

    code = "plan-rejected"

    def __init__(self, message: str, *, findings: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = findings

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form with the findings."""
        return {**super().to_dict(), "findings": list(self.findings)}


class PlanNotConvergedError(PlanError):
    """Everything was applied, and still something would change: a defect of the plugin.

    `differences` names connection, address and field of each.
    """

    code = "plan-not-converged"

    def __init__(self, message: str, *, differences: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.differences = differences

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form with the differences."""
        return {**super().to_dict(), "differences": list(self.differences)}


class LifecycleError(SafepointError):
    """A rule of the checkpoint lifecycle was about to be broken."""

    code = "lifecycle"
    exit_code = 7


class IllegalTransitionError(LifecycleError):
    """An event arrived in a state that does not allow it."""

    code = "illegal-transition"


class LeaseHeldError(LifecycleError):
    """Another run, worker or product holds the VM."""

    code = "lease-held"


class FencedError(LifecycleError):
    """Our lease was taken over: whoever sees this must touch nothing any more."""

    code = "fenced"


class CheckpointLeftError(LifecycleError):
    """A checkpoint could not be proved released and merged."""

    code = "checkpoint-left"


class ReplicaRefusedError(LifecycleError):
    """A deed on a replica would leave two running copies or lose changes; nothing was done.

    `refusal` is the id that `safepoint explain` knows.
    """

    code = "replica-refused"

    def __init__(self, message: str, *, hint: str = "", refusal: str = "") -> None:
        super().__init__(message, hint=hint)
        self.refusal = refusal

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form with the refusal's id."""
        return {**super().to_dict(), "refusal": self.refusal}


class DriverError(SafepointError):
    """A call to a connected system failed.

    Args:
        message: As in `SafepointError`.
        hint: As in `SafepointError`.
        operation: The boundary operation or wire call, such as ``CreateSnapshot``.
        system: The connection or node that was asked.
        native_code: The product's own code, as text.
        native_message: The product's own words, kept apart because they may be localised.
    """

    code = "driver"
    exit_code = 8

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        operation: str = "",
        system: str = "",
        native_code: str = "",
        native_message: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.operation = operation
        self.system = system
        self.native_code = native_code
        self.native_message = native_message

    @override
    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form with operation, system and the product's own code and words."""
        return {
            **super().to_dict(),
            "operation": self.operation,
            "system": self.system,
            "native": {"code": self.native_code, "message": self.native_message},
        }


class TransientError(DriverError):
    """It may work later: wait and repeat."""

    code = "transient"


class UnreachableError(TransientError):
    """No connection, or it broke before anything was sent."""

    code = "unreachable"


class ThrottledError(TransientError):
    """The system asks for patience; `retry_after_seconds` is its own figure or None."""

    code = "throttled"

    def __init__(
        self, message: str, *, retry_after_seconds: float | None = None, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.retry_after_seconds = retry_after_seconds


class BusyError(TransientError):
    """Another operation holds the object; nothing was started."""

    code = "busy"


class PermanentError(DriverError):
    """Repeating will not help: the user has to do something."""

    code = "permanent"


class AuthenticationError(PermanentError):
    """The system does not accept the credentials. Never retried: accounts get locked."""

    code = "authentication"


class CertificateError(PermanentError):
    """The TLS certificate is not trusted or is not the pinned one."""

    code = "certificate"


class PermissionDeniedError(PermanentError):
    """Logged in, but not allowed to do this."""

    code = "permission-denied"


class NotFoundError(PermanentError):
    """The object is not there (any more)."""

    code = "not-found"


class ConflictError(PermanentError):
    """The object is in a state that forbids this."""

    code = "conflict"


class InvalidRequestError(PermanentError):
    """The system rejects the request as malformed: a defect of the plugin or a wrong value."""

    code = "invalid-request"


class QuiesceError(PermanentError):
    """The guest could not be brought to the consistency that the policy demands."""

    code = "quiesce"


class StorageFullError(PermanentError):
    """There is no room left where bytes had to go."""

    code = "storage-full"


class ProtocolError(PermanentError):
    """The answer is not one the protocol allows: malformed, HTML, of another service."""

    code = "protocol"


class VendorFaultError(PermanentError):
    """The product failed for a reason of its own; see `native_code` and `native_message`."""

    code = "vendor-fault"


class OutcomeUnknownError(DriverError):
    """The request was sent and no answer came: look for the effect, never repeat blindly."""

    code = "outcome-unknown"


class RunError(SafepointError):
    """Every call worked, but the work as a whole failed."""

    code = "run"
    exit_code = 9


class RunFailedError(RunError):
    """The run ended in failure."""

    code = "run-failed"


class RunCancelledError(RunError):
    """The run was cancelled by a person or a signal."""

    code = "run-cancelled"


class RunTimedOutError(RunError):
    """The run or one of its steps passed its deadline."""

    code = "run-timed-out"


class DamagedDataError(RunError):
    """Bytes are not what was written: a digest, checksum or structure does not fit."""

    code = "damaged-data"


class StoreError(SafepointError):
    """safepoint's own journal cannot be read or written."""

    code = "store"
    exit_code = 10
