"""Trying the rules that only read on a connection of the estate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from typing_extensions import override

from safepoint.cli.session import Session
from safepoint.drivers import Ability, CanManage, Driver, SupportLevel
from safepoint.errors import SafepointError, UsageError
from safepoint.estate import clusters_using
from safepoint.models.estate import Cluster
from safepoint.models.plans import NeutralDocument
from safepoint.models.workloads import WorkloadQuery
from safepoint.testing import LIVE_MANAGE_RULES, LIVE_RULES, LiveManageHarness, Rule

__all__ = ["Outcome", "Verdict", "live_harness", "try_rules"]


class Verdict(StrEnum):
    """What became of a rule."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_TRIED = "not tried"
    """The product answered with an error."""
    LEFT_OUT = "left out"
    """The connection does not offer the ability that the rule is about."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule and what became of it."""

    rule: str
    verdict: Verdict
    seconds: float
    text: str
    """What the rule demands."""
    reason: str = ""


class _Live(LiveManageHarness):
    def __init__(self, session: Session, connection: str, clusters: tuple[Cluster, ...]) -> None:
        self._session = session
        self._clusters = clusters
        self.connection = connection
        self.cluster = clusters[0].name
        self.driver_name = session.estate.connection(connection).spec.driver

    @override
    def open(self) -> Driver:
        return self._session.bare_driver(self.connection, note_secret=self._note)

    def _note(self, secret: str) -> None:
        if secret:  # one that was not set is in every text
            self.secrets = tuple({*self.secrets, secret})

    @override
    def open_managing(self) -> CanManage:
        driver = self.open()
        assert isinstance(driver, CanManage), "the driver lost an ability"
        return driver

    @override
    def clusters(self) -> tuple[Cluster, ...]:
        return self._clusters

    @override
    def documents(self) -> tuple[NeutralDocument, ...]:
        estate = self._session.estate
        jobs = [j for j in estate.jobs.values() if j.spec.connection == self.connection]
        policies = dict.fromkeys(job.spec.policy for job in jobs)
        return (*super().documents(), *(estate.policy(name) for name in policies), *jobs)


def live_harness(session: Session, connection: str, owner: str) -> LiveManageHarness:
    """Return a harness over a connection, once it has answered.

    Raises:
        UnknownNameError: the estate has no such connection.
        UsageError: no cluster of the estate has to do with it, so there is nothing to list.
        DriverError: it does not answer.
    """
    session.estate.connection(connection)
    clusters = clusters_using(session.estate, connection)
    if not clusters:
        msg = f"no cluster of the estate uses connection {connection!r}"
        raise UsageError(msg, hint="The rules list VMs; name it in a Cluster or a ProtectionJob.")
    harness = _Live(session, connection, clusters)
    harness.owner = owner
    list(harness.open().workloads(WorkloadQuery(cluster=harness.cluster)))
    return harness


def try_rules(harness: LiveManageHarness, begins: Callable[[str], None]) -> Iterator[Outcome]:
    """Try every rule that changes nothing, in their order.

    Args:
        harness: Over the connection.
        begins: Is told the id of each rule before it is tried.
    """
    for rule in LIVE_RULES:
        begins(rule.id)
        yield _try(rule, harness)
    reason = _no_managing(harness)
    for each in LIVE_MANAGE_RULES:
        if reason:
            yield Outcome(each.id, Verdict.LEFT_OUT, 0.0, each.text, reason)
        else:
            begins(each.id)
            yield _try(each, harness)


def _no_managing(harness: LiveManageHarness) -> str:
    driver = harness.open()
    answer = driver.support().get(Ability.MANAGE)
    if answer is not None and answer.level is not SupportLevel.SUPPORTED:
        return answer.reason or answer.level.value
    return "" if isinstance(driver, CanManage) else "the plugin does not manage"


def _try(rule: Rule[Any], harness: LiveManageHarness) -> Outcome:
    begun = time.monotonic()
    verdict, reason = Verdict.KEPT, ""
    try:
        rule.check(harness)
    except AssertionError as error:
        verdict, reason = Verdict.BROKEN, str(error) or "the rule does not say why"
    except SafepointError as error:
        verdict, reason = Verdict.NOT_TRIED, f"{error.message} [{error.code}]"
    except Exception as error:  # noqa: BLE001 - a driver under trial may raise anything
        verdict, reason = Verdict.BROKEN, f"{type(error).__name__}: {error}"
    return Outcome(rule.id, verdict, round(time.monotonic() - begun, 3), rule.text, reason)
