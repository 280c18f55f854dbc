"""CIM over WS-Management: a typed client that knows no hypervisor.

`CimClient` speaks, `Transport` carries, `CimRow` and `CimRef` are what comes back. Errors are
those of `safepoint.errors`. Nothing in here waits or repeats.
"""

from __future__ import annotations

from safepoint_native.auth import AuthKind
from safepoint_native.cim.client import CimClient, InvokeResult
from safepoint_native.cim.faults import AnswerTooLargeError, ClassAbsentError
from safepoint_native.cim.instance_text import EmbeddedInstance, InstanceProperty
from safepoint_native.cim.jobs import JobState, JobStatus
from safepoint_native.cim.reference import CimRef
from safepoint_native.cim.session import Endpoint, Login, Trust
from safepoint_native.cim.transport import AnswerLostError, PywinrmTransport, Transport
from safepoint_native.cim.values import CimRow

__all__ = [
    "AnswerLostError",
    "AnswerTooLargeError",
    "AuthKind",
    "CimClient",
    "CimRef",
    "CimRow",
    "ClassAbsentError",
    "EmbeddedInstance",
    "Endpoint",
    "InstanceProperty",
    "InvokeResult",
    "JobState",
    "JobStatus",
    "Login",
    "PywinrmTransport",
    "Transport",
    "Trust",
]
