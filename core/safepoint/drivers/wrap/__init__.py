"""Decorators around drivers: what would otherwise be copied into every one of them.

A wrapped driver has the same abilities as the one inside, so `isinstance` keeps its meaning.
"""

from __future__ import annotations

from safepoint.drivers.wrap.audit import AuditTrail, AuditWrites
from safepoint.drivers.wrap.contract import check_contract
from safepoint.drivers.wrap.intercept import Call, Interceptor, intercepted
from safepoint.drivers.wrap.retry import RetryReads
from safepoint.drivers.wrap.timing import CountCalls

__all__ = [
    "AuditTrail",
    "AuditWrites",
    "Call",
    "CountCalls",
    "Interceptor",
    "RetryReads",
    "check_contract",
    "intercepted",
]
