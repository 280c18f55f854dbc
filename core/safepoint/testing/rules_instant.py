"""The rules of `CanRecoverInstantly`."""

from __future__ import annotations

import secrets

from safepoint.drivers import CanRecoverInstantly
from safepoint.errors import DriverError, NotFoundError, OutcomeUnknownError
from safepoint.models.instant_recovery import (
    InstantRecovery,
    InstantRecoveryRequest,
    InstantRecoveryState,
)
from safepoint.models.refs import Ref
from safepoint.testing.harness_runs import InstantHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_recovery import unknown
from safepoint.testing.rules_required import raised, workloads

__all__ = ["INSTANT_RULES"]

rule: RuleBook[InstantHarness] = RuleBook()


def wish(harness: InstantHarness) -> InstantRecoveryRequest:
    """Ask for a new VM under a name of its own."""
    name = f"rule-{secrets.token_hex(3)}"
    return InstantRecoveryRequest(point=harness.point(), cluster=harness.cluster, new_name=name)


def begun(driver: CanRecoverInstantly, harness: InstantHarness) -> Ref:
    """Start one under a key of its own."""
    return driver.start_instant_recovery(wish(harness), key=secrets.token_hex(8))


def listed(driver: CanRecoverInstantly) -> set[Ref]:
    """Return what is listed and not yet moved away."""
    gone = InstantRecoveryState.MIGRATED
    return {one.ref for one in driver.instant_recoveries() if one.state is not gone}


@rule
def a_recovery_is_listed_as_returned(harness: InstantHarness) -> None:
    """Starting returns the reference under which the recovery is listed, with point and word."""
    driver = harness.open_recovering()
    request = wish(harness)
    ref = driver.start_instant_recovery(request, key="new")
    assert ref.kind == "instant-recovery", f"the reference is of kind {ref.kind!r}"
    one = harness.mounted(driver, ref)
    assert one.workload_name == request.new_name, f"it is called {one.workload_name!r}"
    assert one.point in {None, request.point}, f"it is of {one.point}"
    assert one.native_state, "the product's own word is gone"
    driver.stop_instant_recovery(ref, key="away")


@rule
def a_mounted_vm_is_in_the_inventory(harness: InstantHarness) -> None:
    """The VM of a mounted recovery is the one that `workloads` lists, by the same reference."""
    driver = harness.open_recovering()
    ref = begun(driver, harness)
    one = harness.mounted(driver, ref)
    known = {w.ref: w.name for w in workloads(driver, harness.cluster)}
    if one.workload is not None:
        assert known.get(one.workload) == one.workload_name, f"{one.workload} is another VM"
    assert one.workload_name in known.values(), "no VM of that name was registered"
    driver.stop_instant_recovery(ref, key="away")


@rule
def one_key_starts_one_recovery(harness: InstantHarness) -> None:
    """The same request with the same key starts one recovery and returns it both times."""
    driver = harness.open_recovering()
    request = wish(harness)
    refs = {driver.start_instant_recovery(request, key="once") for _ in range(2)}
    assert len(refs) == 1, f"it returns {refs}"
    ref = refs.pop()
    harness.mounted(driver, ref)
    assert len(listed(driver)) == 1, "more than one began"
    driver.stop_instant_recovery(ref, key="away")


@rule
def a_lost_recovery_is_found_by_listing(harness: InstantHarness) -> None:
    """A start whose answer is lost raises OutcomeUnknownError, is not repeated, and is listed."""
    driver = harness.open_recovering()
    request = wish(harness)
    harness.lose_instant_start()
    error = raised(lambda: driver.start_instant_recovery(request, key="lost"))
    assert isinstance(error, OutcomeUnknownError), repr(error)

    def there() -> list[InstantRecovery] | None:
        every = driver.instant_recoveries()
        return [one for one in every if one.workload_name == request.new_name] or None

    found = harness.until(there, "it is listed")
    assert len(found) == 1, f"{len(found)} began"
    harness.mounted(driver, found[0].ref)
    driver.stop_instant_recovery(found[0].ref, key="away")


@rule
def an_unknown_point_is_not_found(harness: InstantHarness) -> None:
    """Recovering from a point that is not there raises NotFoundError and registers nothing."""
    driver = harness.open_recovering()
    before = harness.true_recoveries()
    ghost = wish(harness).model_copy(update={"point": unknown(harness.point())})
    error = raised(lambda: driver.start_instant_recovery(ghost, key="ghost"))
    assert isinstance(error, NotFoundError), repr(error)
    assert harness.true_recoveries() == before, "a VM was registered all the same"


@rule
def stopping_removes_the_vm_and_is_idempotent(harness: InstantHarness) -> None:
    """A stopped recovery is gone with its VM; stopping it again is harmless."""
    driver = harness.open_recovering()
    ref = begun(driver, harness)
    name = harness.mounted(driver, ref).workload_name
    driver.stop_instant_recovery(ref, key="stop")
    harness.until(lambda: ref not in listed(driver) or None, "it is not listed any more")
    assert name not in harness.true_recoveries(), "the VM still runs from the storage"
    driver.stop_instant_recovery(ref, key="stop again")


@rule
def a_migrated_vm_stays(harness: InstantHarness) -> None:
    """A migrated recovery is MIGRATED or not listed any more, and its VM stays."""
    driver = harness.open_recovering()
    ref = begun(driver, harness)
    name = harness.mounted(driver, ref).workload_name
    followed = driver.migrate_instant_recovery(ref, key="move")
    harness.until(lambda: followed not in listed(driver) or None, "it is moved")
    assert name not in harness.true_recoveries(), "the VM still runs from the storage"
    names = {w.name for w in workloads(driver, harness.cluster)}
    assert name in names, "the VM is gone"


@rule
def what_is_gone_cannot_be_migrated(harness: InstantHarness) -> None:
    """Migrating a recovery that was stopped raises NotFoundError."""
    driver = harness.open_recovering()
    ref = begun(driver, harness)
    harness.mounted(driver, ref)
    driver.stop_instant_recovery(ref, key="stop")
    harness.until(lambda: ref not in listed(driver) or None, "it is not listed any more")
    error = raised(lambda: driver.migrate_instant_recovery(ref, key="late"))
    assert isinstance(error, NotFoundError), repr(error)


@rule
def a_broken_recovery_listing_raises(harness: InstantHarness) -> None:
    """A listing of recoveries that breaks raises a DriverError and is never a short list."""
    driver = harness.open_recovering()
    ref = begun(driver, harness)
    harness.mounted(driver, ref)
    harness.break_listing("instant_recoveries", after=0)
    error = raised(driver.instant_recoveries)
    harness.heal()
    assert isinstance(error, DriverError), repr(error)
    driver.stop_instant_recovery(ref, key="away")


#: All of them.
INSTANT_RULES: tuple[Rule[InstantHarness], ...] = tuple(rule.rules)
