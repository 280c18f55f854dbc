"""The rules that every driver keeps, whatever else it can do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from safepoint.drivers import ABILITY_TYPES, REFINEMENTS, Ability, Driver, SupportLevel
from safepoint.errors import AuthenticationError, DriverError, NotFoundError, SafepointError
from safepoint.models.restore_points import RestorePointQuery
from safepoint.models.runs import RunQuery
from safepoint.models.workloads import Workload, WorkloadQuery
from safepoint.testing.harness import Harness, LiveHarness
from safepoint.testing.rule import Rule, RuleBook

__all__ = ["LIVE_RULES", "REQUIRED_RULES", "raised"]

live: RuleBook[LiveHarness] = RuleBook()
rule: RuleBook[Harness] = RuleBook()


def raised(call: Callable[[], Any]) -> BaseException | None:
    """Return what the call raises, or None; a listing is read to its end."""
    try:
        result = call()
        if isinstance(result, Iterator):
            list(result)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


def workloads(driver: Driver, cluster: str) -> list[Workload]:
    """Return the VMs of the harness's cluster."""
    return list(driver.workloads(WorkloadQuery(cluster=cluster)))


@live
def support_names_every_ability(harness: LiveHarness) -> None:
    """`support` answers for every ability, and a gap has a reason."""
    support = harness.open().support()
    assert set(support) == set(Ability), "abilities without an answer, or answers too many"
    for ability, answer in support.items():
        if answer.level is not SupportLevel.SUPPORTED:
            assert answer.reason, f"{ability} is {answer.level} without a reason"


@live
def support_agrees_with_the_class(harness: LiveHarness) -> None:
    """What the class offers is supported, or answered with a reason; nothing else is claimed."""
    driver = harness.open()
    for ability, answer in driver.support().items():
        if answer.level is SupportLevel.SUPPORTED:
            kind = ABILITY_TYPES.get(ability)
            has_it = kind is not None and isinstance(driver, kind)
            assert has_it, f"{ability} is claimed and the class has it not"


@rule
def gaps_are_declared_exactly(harness: Harness) -> None:
    """The abilities that a harness declares missing are those that are missing."""
    missing = {
        ability
        for ability, answer in harness.open().support().items()
        if answer.level is not SupportLevel.SUPPORTED
    }
    assert missing == set(harness.unsupported), "declare `unsupported` exactly, with reasons"
    assert all(harness.unsupported.values()), "a declared gap needs a reason"


@live
def probe_reports_problems_as_data(harness: LiveHarness) -> None:
    """`probe` says which product answered, and when, by our clock."""
    info = harness.open().probe()
    assert info.product, "the product has no name"
    assert info.probed_at.utcoffset() == timedelta(0), "the time is not UTC"


@rule
def every_workload_is_listed_once(harness: Harness) -> None:
    """A listing has every VM that there is, none twice and none more."""
    ids = [w.ref.id for w in workloads(harness.open(), harness.cluster)]
    assert len(ids) == len(set(ids)), "a VM is listed twice"
    assert frozenset(ids) == harness.true_workloads(), "the list is not what there is"


@live
def refs_are_stable(harness: LiveHarness) -> None:
    """The same VM has the same ref in two listings and in two sessions."""
    first, second = harness.open(), harness.open()
    listed = {w.ref for w in workloads(first, harness.cluster)}
    assert listed == {w.ref for w in workloads(first, harness.cluster)}, "it changes by itself"
    assert listed == {w.ref for w in workloads(second, harness.cluster)}, "it is of one session"


@live
def workloads_are_found_by_id(harness: LiveHarness) -> None:
    """A query for one VM returns that VM."""
    driver = harness.open()
    for wanted in [w.ref for w in workloads(driver, harness.cluster)[-1:]]:
        query = WorkloadQuery(cluster=harness.cluster, ids=(wanted.id,))
        assert [w.ref for w in driver.workloads(query)] == [wanted], "the filter does not filter"


@live
def an_unknown_workload_is_not_found(harness: LiveHarness) -> None:
    """Asking for a VM that is not there raises NotFoundError or lists nothing of another's."""
    query = WorkloadQuery(cluster=harness.cluster, ids=("00000000-0000-4000-8000-00000000DEAD",))
    driver = harness.open()
    error = raised(lambda: driver.workloads(query))
    if error is None:
        assert list(driver.workloads(query)) == [], "it lists another VM instead"
    else:
        assert isinstance(error, NotFoundError), f"{type(error).__name__}: {error}"


@rule
def a_broken_listing_is_never_a_short_one(harness: Harness) -> None:
    """A listing that breaks raises a DriverError, wherever it breaks."""
    for after in range(2):
        driver = harness.open()
        harness.break_listing("workloads", after=after)
        error = raised(lambda: driver.workloads(WorkloadQuery(cluster=harness.cluster)))  # noqa: B023 - called at once
        harness.heal()
        assert isinstance(error, DriverError), f"broken after {after}: {error!r}"


@live
def the_native_word_is_kept(harness: LiveHarness) -> None:
    """The product's own word for a state stays visible."""
    for workload in workloads(harness.open(), harness.cluster):
        assert workload.native_state, f"{workload.name} has no native state"


@live
def restore_points_and_runs_can_be_listed(harness: LiveHarness) -> None:
    """The other required listings end, with rows of aware UTC times."""
    driver = harness.open()
    for point in driver.restore_points(RestorePointQuery()):
        assert point.created_at.utcoffset() == timedelta(0), "the time is not UTC"
    for run in driver.runs(RunQuery()):
        assert run.requested_at.utcoffset() == timedelta(0), "the time is not UTC"


@rule
def a_wrong_password_is_an_authentication_error(harness: Harness) -> None:
    """A refused login raises AuthenticationError, and says no secret."""
    driver = harness.open_with_wrong_password()
    if driver is None:
        return
    error = raised(lambda: driver.workloads(WorkloadQuery(cluster=harness.cluster)))
    assert isinstance(error, AuthenticationError), repr(error)
    assert not _tells(harness, str(error)), "the error tells the password"


@live
def secrets_stay_secret(harness: LiveHarness) -> None:
    """No secret shows in a repr or a probe."""
    driver = harness.open()
    texts = [repr(driver), str(driver), driver.probe().model_dump_json()]
    assert not any(_tells(harness, text) for text in texts), "a secret shows"


@rule
def errors_tell_no_secret(harness: Harness) -> None:
    """No secret shows in an error."""
    driver = harness.open()
    harness.break_listing("workloads", after=0)
    error = raised(lambda: driver.workloads(WorkloadQuery(cluster=harness.cluster)))
    assert isinstance(error, SafepointError), f"the broken listing raised {error!r}"
    texts = [str(error.to_dict()), repr(error), error.hint]
    assert not any(_tells(harness, text) for text in texts), "a secret shows"


@live
def close_may_be_called_twice(harness: LiveHarness) -> None:
    """Closing again does nothing; using a closed driver raises a DriverError."""
    driver = harness.open()
    workloads(driver, harness.cluster)
    driver.close()
    driver.close()
    error = raised(lambda: driver.workloads(WorkloadQuery(cluster=harness.cluster)))
    assert isinstance(error, DriverError), f"after close: {error!r}"


@live
def signatures_are_those_of_the_boundary(harness: LiveHarness) -> None:
    """Every method takes exactly what the abstract one takes."""
    driver = harness.open()
    for kind in (Driver, *ABILITY_TYPES.values(), *REFINEMENTS):
        if not isinstance(driver, kind):
            continue
        for name in getattr(kind, "__abstractmethods__", ()):
            theirs = inspect.signature(getattr(type(driver), name))
            ours = inspect.signature(getattr(kind, name))
            assert _shape(theirs) == _shape(ours), f"{name}{theirs} is not {name}{ours}"


def _shape(signature: inspect.Signature) -> list[tuple[str, Any]]:
    return [
        (parameter.name if parameter.kind is parameter.KEYWORD_ONLY else "", parameter.kind)
        for parameter in signature.parameters.values()
    ]


def _tells(harness: LiveHarness, text: str) -> bool:
    return any(secret in text for secret in harness.secrets)


#: Those that know no truth and change nothing.
LIVE_RULES: tuple[Rule[LiveHarness], ...] = tuple(live.rules)

#: All of them.
REQUIRED_RULES: tuple[Rule[Harness], ...] = (*live.rules, *rule.rules)
