"""The rules of `CanManage` that write, and those that need to know the truth."""

from __future__ import annotations

from safepoint.drivers import CanManage, CanRetire
from safepoint.errors import ConflictError, DriverError, OutcomeUnknownError
from safepoint.models.losses import document_key
from safepoint.models.plans import Action, Change, PlannedChange
from safepoint.models.resources import Resource
from safepoint.planning.diff import diff
from safepoint.testing import rules_translate
from safepoint.testing.documents import FIRST, SECOND, with_both, with_retention, without
from safepoint.testing.harness_manage import ManageHarness
from safepoint.testing.rule import Rule, RuleBook
from safepoint.testing.rules_required import raised
from safepoint.testing.trial import Documents, Trial, job_address, new_key

__all__ = ["APPLY_RULES", "MANAGE_RULES"]

rule: RuleBook[ManageHarness] = RuleBook()


def applied(harness: ManageHarness) -> tuple[Trial, Documents, str]:
    """Bring the small estate about; returns the address of its first job as well."""
    trial = Trial(harness)
    documents = trial.small_estate()
    trial.bring_about(documents)
    return trial, documents, job_address(trial.translate(documents), FIRST)


def shown(trial: Trial, address: str) -> list[Resource]:
    """Return what is observed under an address."""
    return [one for one in trial.observe() if one.address == address]


def one_write(
    trial: Trial, documents: Documents, action: Action, *, adopt: bool = False
) -> Change:
    """Plan, and return the one write of that kind that has to come out."""
    plan = trial.plan(documents, adopt=adopt)
    said = [f"{c.action} {c.address}" for c in plan.writes]
    assert [c.action for c in plan.writes] == [action], f"not one {action}, but {said}"
    changes: list[Change] = []

    def keep(change: Change) -> Resource | None:
        changes.append(change)
        return change.before

    trial.carry_out(plan, keep)
    return changes[0]


@rule
def translating_connects_nowhere(harness: ManageHarness) -> None:
    """A translation needs no login: it is the same with a wrong password."""
    trial = Trial(harness)
    desired = trial.desired(harness.documents())
    locked_out = harness.open_with_wrong_password()
    if locked_out is not None:
        assert isinstance(locked_out, CanManage)
        there = {one.address: one for one in locked_out.translate(desired).resources}
        for one in trial.driver.translate(desired).resources:
            assert not diff(one, there.get(one.address)), f"{one.address} is another then"


@rule
def what_was_applied_reads_back_equal(harness: ManageHarness) -> None:
    """After everything that the product can carry was applied, the next plan is empty."""
    trial = Trial(harness)
    documents = trial.carried(harness.documents())
    trial.bring_about(documents)
    trial.check_nothing_left(documents, "after applying")


@rule
def looking_and_computing_write_nothing(harness: ManageHarness) -> None:
    """Observing, translating, describing and planning leave the product as it is."""
    trial, documents, _ = applied(harness)
    before = harness.true_objects()
    trial.plan(documents)
    trial.describe(trial.observe(with_checks=True))
    assert harness.true_objects() == before, "objects came or went"


@rule
def every_object_is_observed_once(harness: ManageHarness) -> None:
    """An observation shows every object that there is, whoever made it, none twice."""
    trial, documents, _ = applied(harness)
    strange = harness.add_by_hand()
    found = trial.observe()
    ids = [one.native.id for one in found if one.native is not None]
    assert sorted(ids) == sorted(harness.true_objects()), "it is not what there is"
    (other,) = [one for one in found if one.address == strange]
    assert other.marker is None, f"{strange} is nobody's, and bears a marker"
    trial.check_nothing_left(documents, "with another's job beside ours")


@rule
def observing_is_stable(harness: ManageHarness) -> None:
    """Two looks in two sessions show the same objects, with the same handles and fields."""
    applied(harness)
    rules_translate.observing_is_stable(harness)


@rule
def no_object_tells_a_secret(harness: ManageHarness) -> None:
    """No secret is in what is wished, observed or described."""
    applied(harness)
    rules_translate.no_object_tells_a_secret(harness)


@rule
def a_broken_observation_is_never_a_short_one(harness: ManageHarness) -> None:
    """An observation that breaks raises a DriverError, wherever it breaks."""
    applied(harness)
    for after in range(2):
        trial = Trial(harness)
        harness.break_listing("observe", after=after)
        error = raised(trial.observe)
        harness.heal()
        assert isinstance(error, DriverError), f"broken after {after}: {error!r}"


@rule
def a_write_returns_what_is_there(harness: ManageHarness) -> None:
    """What a write returns is the object as it is observed afterwards."""
    trial = Trial(harness)
    said = trial.bring_about(trial.small_estate())
    for one in trial.observe():
        told = said.get(one.address)
        if one.marker is None and told is None:
            continue  # the product's own, or another's
        assert told is not None, f"nothing was returned for {one.address}"
        changed = diff(told, one)
        assert not changed, f"{one.address}: {changed[0].field} is not as returned"
        same = (told.marker, told.native) == (one.marker, one.native)
        assert same, f"{one.address} was returned with another marker or handle"


@rule
def a_change_is_made_in_place(harness: ManageHarness) -> None:
    """A new retention changes objects, and makes and loses none."""
    trial, documents, _ = applied(harness)
    before = harness.true_objects()
    edited = with_retention(documents, "21d")
    plan = trial.plan(edited)
    assert plan.writes, "a new retention is no change"
    assert {c.action for c in plan.writes} == {Action.UPDATE}, "it is not an update"
    trial.carry_out(plan)
    assert harness.true_objects() == before, "objects came or went"
    trial.check_nothing_left(edited, "after the change")


@rule
def a_change_by_hand_is_seen(harness: ManageHarness) -> None:
    """What a person changed in the product is a difference by field, and can be put back."""
    trial, documents, address = applied(harness)
    harness.change_by_hand(address)
    change = one_write(trial, documents, Action.UPDATE)
    assert change.address == address, f"{change.address} differs instead of {address}"
    assert change.fields, "it does not say which field"
    trial.bring_about(documents)
    trial.check_nothing_left(documents, "after putting it back")


@rule
def a_deletion_by_hand_is_seen(harness: ManageHarness) -> None:
    """What a person deleted is not observed any more, and is made again."""
    trial, documents, address = applied(harness)
    trial.observe()
    harness.delete_by_hand(address)
    assert not shown(trial, address), f"{address} is gone and still shown"
    assert one_write(trial, documents, Action.CREATE).address == address
    trial.bring_about(documents)
    trial.check_nothing_left(documents, "after making it again")


@rule
def the_marker_is_written_and_recognised(harness: ManageHarness) -> None:
    """Every object that was written bears its marker, and is known by it after a rename."""
    trial, documents, address = applied(harness)
    ours = {r.address: r for r in trial.translate(documents).resources if r.marker is not None}
    found = {one.address: one for one in trial.observe()}
    for one in ours.values():
        assert found[one.address].marker == one.marker, f"{one.address} lost its marker"
    before = harness.true_objects()
    if harness.rename_by_hand(address):
        assert shown(trial, address), f"{address} is not known any more after a rename"
        trial.bring_about(documents)
        trial.check_nothing_left(documents, "after a rename by hand")
        assert len(harness.true_objects()) == len(before), "it was made a second time"


@rule
def adopting_marks_what_is_there(harness: ManageHarness) -> None:
    """An object without marker is known by its name, and gets the marker instead of a twin."""
    trial, documents, address = applied(harness)
    before = harness.true_objects()
    harness.remove_marker(address)
    (bare,) = shown(trial, address)
    assert bare.marker is None, "its marker was removed, and it is still shown"
    assert one_write(trial, documents, Action.ADOPT, adopt=True).address == address
    trial.carry_out(trial.plan(documents, adopt=True))
    (marked,) = shown(trial, address)
    assert marked.marker is not None, "it bears no marker"
    assert marked.marker.owner == harness.owner, "it bears another owner's marker"
    assert harness.true_objects() == before, "objects came or went"


@rule
def deleting_takes_only_that_one(harness: ManageHarness) -> None:
    """Deleting a job that no document asks for removes what is its own, and nothing else."""
    trial, documents, address = applied(harness)
    strange = harness.add_by_hand()
    rest = without(documents, FIRST)
    plan = trial.plan(rest)
    going = {c.before.native.id for c in plan.writes if c.before and c.before.native}
    before = harness.true_objects()
    trial.carry_out(plan)
    assert {c.action for c in plan.writes} == {Action.DELETE}, "it is not a deletion"
    assert not shown(trial, address), f"{address} is still there"
    assert harness.true_objects() == before - going, "something else came or went"
    assert shown(trial, strange), f"{strange} went with it"
    assert shown(trial, job_address(trial.translate(rest), SECOND)), "the other job went with it"


@rule
def deleting_what_is_gone_is_no_error(harness: ManageHarness) -> None:
    """A deletion of what somebody else deleted already is done."""
    trial, documents, address = applied(harness)
    lines = [c for c in trial.plan(without(documents, FIRST)).writes if c.address == address]
    assert lines, f"{address} is not to be deleted, though no document asks for it"
    harness.delete_by_hand(address)
    change = Change(action=Action.DELETE, address=address, before=lines[0].before)
    for key in (new_key(), new_key()):
        assert trial.write(change, key) is None, "it returns what is gone"


@rule
def the_same_key_has_one_effect(harness: ManageHarness) -> None:
    """A write that is asked for again with its key has one effect, whatever became of the answer."""
    trial = Trial(harness)
    documents = trial.small_estate()

    def thrice(change: Change) -> Resource | None:
        key = new_key()
        before = harness.true_objects()
        harness.lose_answer("apply")
        raised(lambda: trial.write(change, key))
        trial.write(change, key)
        result = trial.write(change, key)
        new = len(harness.true_objects()) - len(before)
        most = {Action.CREATE: 1, Action.DELETE: -1}.get(change.action, 0)
        assert new == most, f"{change.action} of {change.address}: {new:+} objects, not {most:+}"
        return result

    for wish in (documents, with_retention(documents, "21d"), without(documents, FIRST)):
        trial.carry_out(trial.plan(wish), thrice)
    trial.check_nothing_left(wish, "after all was asked for thrice")


@rule
def a_lost_answer_to_a_write_is_an_unknown_outcome(harness: ManageHarness) -> None:
    """At every write: when no answer comes OutcomeUnknownError is raised, and the effect is seen."""
    trial = Trial(harness)
    documents = trial.small_estate()

    def lost(change: Change) -> Resource | None:
        harness.lose_answer("apply")
        error = raised(lambda: trial.write(change, new_key()))
        what = f"{change.action} of {change.address}"
        assert isinstance(error, OutcomeUnknownError), f"{what} raised {error!r}"
        harness.heal()
        harness.until(lambda: _is_there(trial, change) or None, f"the effect of {what} is seen")
        return next(iter(shown(trial, change.address)), None)

    for wish in (documents, with_retention(documents, "21d"), without(documents, FIRST)):
        trial.carry_out(trial.plan(wish), lost)
        trial.check_nothing_left(wish, "after every answer was lost")


@rule
def a_change_in_between_is_a_conflict(harness: ManageHarness) -> None:
    """A write that was planned before somebody changed the object is refused and changes nothing."""
    trial, documents, address = applied(harness)
    change = one_write(trial, with_both(documents), Action.UPDATE)
    harness.change_by_hand(address)
    (changed,) = shown(trial, address)
    error = raised(lambda: trial.write(change, new_key()))
    assert isinstance(error, ConflictError), f"it raised {error!r}"
    assert not diff(changed, shown(trial, address)[0]), "it was changed all the same"


@rule
def what_cannot_be_updated_is_replaced(harness: ManageHarness) -> None:
    """A change that the product cannot make in place is planned as a replacement, and works."""
    trial, documents, _ = applied(harness)
    edited = harness.beyond_update(tuple(documents))
    if edited is None:
        return
    plan = trial.plan(edited)
    assert Action.REPLACE in {c.action for c in plan.writes}, "nothing is replaced"
    trial.carry_out(plan)
    trial.check_nothing_left(edited, "after the replacement")


@rule
def what_is_retired_stays_and_comes_back(harness: ManageHarness) -> None:
    """A retired job is switched off, once, and nothing else; its documents bring it back."""
    trial, documents, address = applied(harness)
    if not isinstance(trial.driver, CanRetire):
        return
    (there,) = shown(trial, address)
    after, before = trial.driver.retired(there), len(harness.true_objects())
    line = PlannedChange(
        connection=harness.connection,
        address=address,
        action=Action.RETIRE,
        fields=diff(there, after),
        before=there,
        after=after,
    )
    assert line.fields, f"nothing of {address} is switched off"
    plan = trial.plan(documents)
    others = tuple(one for one in plan.changes if one.address != address)
    trial.carry_out(plan.model_copy(update={"changes": (*others, line)}))
    (off,) = shown(trial, address)
    assert not diff(off, after), "it is not as the driver said"
    assert not diff(off, trial.driver.retired(off)), "it is never retired enough"
    assert len(harness.true_objects()) == before, "objects came or went"
    one_write(trial, documents, Action.UPDATE)
    trial.bring_about(documents)
    trial.check_nothing_left(documents, "after bringing it back")


@rule
def what_was_applied_can_be_imported(harness: ManageHarness) -> None:
    """Documents made of what is there, ours and others', plan empty and name every job."""
    trial, documents, _ = applied(harness)
    imported = trial.describe(trial.observe()).documents
    names = {document_key(one) for one in imported}
    missing = {document_key(one) for one in documents if one.kind == "ProtectionJob"} - names
    assert not missing, f"{min(missing, default='')} is not imported"
    trial.check_nothing_left(imported, "after importing")


@rule
def nothing_is_left_out_in_silence(harness: ManageHarness) -> None:
    """A job made by hand is imported, or there is a loss that says why not."""
    trial, _, _ = applied(harness)
    strange = harness.add_by_hand()
    described = trial.describe(trial.observe())
    jobs = {one.name for one in described.documents if one.kind == "ProtectionJob"}
    told = {loss.document for loss in described.losses}
    name = strange.partition("/")[2]
    assert name in jobs or strange in told, f"no word about {strange}"


def _is_there(trial: Trial, change: Change) -> bool:
    found = shown(trial, change.address)
    assert len(found) < 2, f"{change.address} is there twice: the write was repeated"
    if change.after is None:
        return not found
    return bool(found) and not diff(found[0], change.after)


#: Those that write or need the truth.
APPLY_RULES: tuple[Rule[ManageHarness], ...] = tuple(rule.rules)

#: All rules of `CanManage`.
MANAGE_RULES: tuple[Rule[ManageHarness], ...] = (
    *rules_translate.TRANSLATE_RULES,
    *rule.rules,
)
