"""The rules of `CanManage` that only compute and read: they may be tried on a product in service."""

from __future__ import annotations

from collections import Counter
from graphlib import CycleError, TopologicalSorter

from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Fidelity, document_key, neutral_fields
from safepoint.models.plans import Action
from safepoint.models.resources import Resource
from safepoint.planning.diff import diff
from safepoint.planning.importing import differences
from safepoint.testing.harness_manage import LiveManageHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.trial import Documents, Trial

__all__ = [
    "LIVE_MANAGE_RULES",
    "TRANSLATE_RULES",
    "no_object_tells_a_secret",
    "observing_is_stable",
]

rule: RuleBook[LiveManageHarness] = RuleBook()
#: On an empty product these say little; `rules_apply` asks them when something is there.
live: RuleBook[LiveManageHarness] = RuleBook()


@rule
def translating_is_pure(harness: LiveManageHarness) -> None:
    """The same documents translate to the same, in another session and in any order of jobs."""
    trial = Trial(harness)
    desired = trial.desired(harness.documents())
    first = trial.driver.translate(desired)
    assert trial.driver.translate(desired) == first, "it differs the second time"
    assert harness.open_managing().translate(desired) == first, "it differs between sessions"
    backwards = desired.model_copy(update={"jobs": desired.jobs[::-1]})
    turned = _by_address(trial.driver.translate(backwards).resources)
    for address, one in _by_address(first.resources).items():
        assert not diff(one, turned.get(address)), f"{address} depends on the order of jobs"


@rule
def translating_is_total(harness: LiveManageHarness) -> None:
    """Every field of every policy and job, of whatever shape, has exactly one entry of losses."""
    trial = Trial(harness)
    documents = harness.documents()
    told = Counter((loss.document, loss.field) for loss in trial.translate(documents).losses)
    fields = Counter(
        (document_key(one), field.path)
        for one in documents
        for field in neutral_fields(one, driver=harness.driver_name)
    )
    assert not fields - told, f"no word about {next(iter(fields - told))}"
    assert not told - fields, f"once too often, or unknown: {next(iter(told - fields))}"


@rule
def losses_say_why(harness: LiveManageHarness) -> None:
    """What is dropped has a reason; what is approximated has the product's value and a reason."""
    for loss in Trial(harness).translate(harness.documents()).losses:
        where = f"{loss.document}: {loss.field}"
        if loss.fidelity is not Fidelity.EXACT:
            assert loss.reason, f"{where} is {loss.fidelity} without a reason"
        if loss.fidelity is Fidelity.APPROXIMATED:
            assert loss.vendor_value, f"{where} does not say what the product gets"


@rule
def wishes_bear_the_marker_of_their_owner(harness: LiveManageHarness) -> None:
    """What is to be written bears the owner asked for and its address; what is shared bears none."""
    trial = Trial(harness)
    desired = trial.desired(harness.documents(), owner="another-estate")
    for one in _writable(trial.driver.translate(desired).resources):
        if one.is_shared:
            assert one.marker is None, f"{one.address} is shared and bears a marker"
            continue
        assert one.marker is not None, f"{one.address} has no marker"
        assert one.marker.owner == "another-estate", f"{one.address} is marked for another owner"
        assert one.marker.address == one.address, f"{one.address} is marked as another object"


@rule
def wishes_have_distinct_addresses(harness: LiveManageHarness) -> None:
    """No two objects of a translation share an address, and an address is `kind/name`."""
    resources = Trial(harness).translate(harness.documents()).resources
    count = Counter(one.address for one in resources)
    twice = [address for address, number in count.items() if number > 1]
    assert not twice, f"twice: {twice[0]}"
    odd = [one.address for one in resources if not (one.kind and one.name)]
    assert not odd, f"no address of the form kind/name: {odd[0]!r}"


@rule
def wishes_need_what_is_wished(harness: LiveManageHarness) -> None:
    """What an object depends on is in the same translation, and nothing needs itself."""
    resources = Trial(harness).translate(harness.documents()).resources
    known = {one.address for one in resources}
    for one in resources:
        missing = [need for need in one.depends_on if need not in known]
        assert not missing, f"{one.address} needs {missing[0]}, which nobody wishes"
    try:
        TopologicalSorter({one.address: one.depends_on for one in resources}).prepare()
    except CycleError as error:
        msg = f"they need one another in a circle: {error.args[1]}"
        raise AssertionError(msg) from error


@rule
def wishes_come_from_documents(harness: LiveManageHarness) -> None:
    """Every job becomes an object that names it, and no object names a document there is not."""
    trial = Trial(harness)
    documents = trial.carried(harness.documents())
    named = {key for one in trial.translate(documents).resources for key in one.documents}
    jobs = {document_key(one) for one in documents if isinstance(one, ProtectionJob)}
    assert jobs <= named, f"{min(jobs - named, default='')} became nothing"
    known = {*map(document_key, (*documents, *harness.clusters()))}
    known.add(f"Connection/{harness.connection}")
    assert named <= known, f"{min(named - known, default='')} is no document"


@rule
def special_fields_are_told_rightly(harness: LiveManageHarness) -> None:
    """Immutable fields are among the attributes, fields that are only written are not."""
    for one in Trial(harness).translate(harness.documents()).resources:
        strange = set(one.immutable) - {name.partition(".")[0] for name in one.attributes}
        strange -= set(one.attributes)
        assert not strange, f"{one.address} has no field {min(strange, default='')!r}"
        told = set(one.write_only) & set(one.attributes)
        assert not told, f"{one.address} shows {min(told, default='')!r}, which is only written"


@rule
def the_normal_form_is_idempotent(harness: LiveManageHarness) -> None:
    """Describing a translation and translating that gives the same objects, field by field."""
    trial = Trial(harness)
    first, again = _there_and_back(trial, trial.carried(harness.documents()))
    for address, one in first.items():
        assert address in again, f"{address} is lost on the way"
        for field in diff(one, again[address]):
            text = f"{address}: {field.field} is {field.before!r}, then {field.after!r}"
            raise AssertionError(text)
    assert first.keys() == again.keys(), f"it adds {min(again.keys() - first.keys(), default='')}"


@rule
def describing_is_pure(harness: LiveManageHarness) -> None:
    """The same objects are described in the same way, in another session too."""
    trial = Trial(harness)
    resources = trial.translate(trial.carried(harness.documents())).resources
    first = trial.describe(resources)
    assert trial.describe(resources) == first, "it differs the second time"
    assert Trial(harness).describe(resources) == first, "it differs between sessions"


@live
def observing_is_stable(harness: LiveManageHarness) -> None:
    """Two looks in two sessions show the same objects, with the same handles and fields."""
    first, second = (
        {(one.address, one.native): one for one in Trial(harness).observe()} for _ in range(2)
    )
    assert first.keys() == second.keys(), "objects or handles differ"
    for place, one in first.items():
        changed = diff(one, second[place])
        assert not changed, f"{one.address}: {changed[0].field} changes by itself"


@rule
def checks_are_observed_and_never_written(harness: LiveManageHarness) -> None:
    """Every check that is wished is observed, bears no marker, and can be left out."""
    trial = Trial(harness)
    wished = {
        r.address for r in trial.translate(harness.documents()).resources if r.is_observe_only
    }
    shown = [r for r in trial.observe(with_checks=True) if r.is_observe_only]
    missing = wished - {one.address for one in shown}
    assert not missing, f"nobody looks at {min(missing, default='')}"
    marked = [one.address for one in shown if one.marker is not None]
    assert not marked, f"{marked[0]} is only looked at and bears a marker"
    left = [one.address for one in trial.observe() if one.is_observe_only]
    assert not left, f"{left[0]} was to be left out"


@live
def no_object_tells_a_secret(harness: LiveManageHarness) -> None:
    """No secret is in what is wished, observed or described."""
    trial = Trial(harness)
    translation = trial.translate(harness.documents())
    observed = trial.observe(with_checks=True)
    texts = [translation.model_dump_json(), trial.describe(observed).model_dump_json()]
    texts += [one.model_dump_json() for one in observed]
    for secret in harness.secrets:
        assert not any(secret in text for text in texts), "a secret shows"


@live
def what_is_there_can_be_imported(harness: LiveManageHarness) -> None:
    """Documents made of what is observed plan empty."""
    trial = Trial(harness)
    documents = trial.describe(trial.observe()).documents
    if not documents:
        return
    plan = trial.plan(documents)
    # What no document can stand for is not there to be deleted: an import is planned by job.
    kept = [one for one in plan.changes if one.action is not Action.DELETE]
    left = differences(plan.model_copy(update={"changes": tuple(kept)}))
    assert not left, f"after importing the plan says: {'; '.join(left[:3])}"


def _there_and_back(
    trial: Trial, documents: Documents
) -> tuple[dict[str, Resource], dict[str, Resource]]:
    first = _writable(trial.translate(documents).resources)
    described = trial.describe(first).documents
    again = _writable(trial.translate(described).resources)
    return _by_address(first), _by_address(again)


def _writable(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
    return tuple(one for one in resources if not one.is_observe_only)


def _by_address(resources: tuple[Resource, ...]) -> dict[str, Resource]:
    return {one.address: one for one in resources}


#: Those that can be tried on any product, empty or not.
TRANSLATE_RULES: tuple[Rule[LiveManageHarness], ...] = tuple(rule.rules)

#: All of them.
LIVE_MANAGE_RULES: tuple[Rule[LiveManageHarness], ...] = (*rule.rules, *live.rules)
