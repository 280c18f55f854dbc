"""The rules of `CanManage`: the reference keeps them, and each mutant breaks just one."""

from __future__ import annotations

import pytest
from tests.core.testing.mutants import Mutants
from typing_extensions import override

from safepoint.errors import NotFoundError, OutcomeUnknownError, UnreachableError
from safepoint.models.attributes import Attributes
from safepoint.models.losses import Fidelity
from safepoint.models.plans import Action
from safepoint.models.resources import DEFAULT_OWNER, Marker
from safepoint.testing import LIVE_MANAGE_RULES, MANAGE_RULES, ManageSuite
from safepoint_lab.reference import ReferenceDriver
from safepoint_lab.reference.harness_manage import ReferenceManageHarness


class FewDocuments(ReferenceManageHarness):
    """The shapes that the mutants need; every other one would take time only."""

    shapes = ("hours", "daily", "years")

    @override
    def documents(self):
        return tuple(one for one in super().documents() if one.name.endswith(self.shapes))


MUTANTS = Mutants(MANAGE_RULES, FewDocuments)
breaks = MUTANTS.breaks


class TestReference(ManageSuite):
    """The reference driver keeps every rule."""

    harness_class = ReferenceManageHarness


def with_checks(translation, **change):
    """Return a translation whose checks are changed; nothing of it is ever written."""
    resources = tuple(
        one.model_copy(update=change) if one.is_observe_only else one
        for one in translation.resources
    )
    return translation.model_copy(update={"resources": resources})


# --- computing ---------------------------------------------------------------------------------


@breaks("translating-is-pure")
class Counting(ReferenceDriver):
    """Numbers its translations."""

    count = 0

    @override
    def translate(self, desired, /):
        Counting.count += 1
        return with_checks(super().translate(desired), facts=Attributes({"n": Counting.count}))


@breaks("translating-is-total")
class Silent(ReferenceDriver):
    @override
    def translate(self, desired, /):
        done = super().translate(desired)
        told = tuple(one for one in done.losses if one.field != "spec.fallback")
        return done.model_copy(update={"losses": told})


@breaks("losses-say-why")
class Curt(ReferenceDriver):
    @override
    def translate(self, desired, /):
        done = super().translate(desired)
        told = tuple(
            one.model_copy(update={"reason": ""}) if one.fidelity is Fidelity.DROPPED else one
            for one in done.losses
        )
        return done.model_copy(update={"losses": told})


@breaks("wishes-bear-the-marker-of-their-owner")
class Sole(ReferenceDriver):
    """Believes that there is one estate in the world."""

    @override
    def translate(self, desired, /):
        return super().translate(desired.model_copy(update={"owner": DEFAULT_OWNER}))


@breaks("wishes-have-distinct-addresses")
class Twofold(ReferenceDriver):
    @override
    def translate(self, desired, /):
        done = super().translate(desired)
        checks = tuple(one for one in done.resources if one.is_observe_only)
        return done.model_copy(update={"resources": (*done.resources, *checks[:1])})


@breaks("wishes-need-what-is-wished")
class Needy(ReferenceDriver):
    @override
    def translate(self, desired, /):
        return with_checks(super().translate(desired), depends_on=("rack/1",))


@breaks("wishes-come-from-documents")
class Inventive(ReferenceDriver):
    @override
    def translate(self, desired, /):
        return with_checks(super().translate(desired), documents=("Cluster/dreamt-up",))


@breaks("special-fields-are-told-rightly")
class Misspelt(ReferenceDriver):
    @override
    def translate(self, desired, /):
        return with_checks(super().translate(desired), immutable=("reachabel",))


@breaks("the-normal-form-is-idempotent")
class Shortened(ReferenceDriver):
    """Forgets yearly points when it describes what was only wished so far."""

    @override
    def describe(self, request, /):
        def cut(one):
            fields = {n: v for n, v in one.attributes.items() if "yearly" not in n}
            wished = one.native is None
            return one.model_copy(update={"attributes": Attributes(fields)}) if wished else one

        resources = tuple(cut(one) for one in request.resources)
        return super().describe(request.model_copy(update={"resources": resources}))


@breaks("describing-is-pure")
class Numbering(ReferenceDriver):
    count = 0

    @override
    def describe(self, request, /):
        Numbering.count += 1
        done = super().describe(request)
        labels = {"n": str(Numbering.count)}
        documents = tuple(
            one.model_copy(update={"metadata": one.metadata.model_copy(update={"labels": labels})})
            for one in done.documents
        )
        return done.model_copy(update={"documents": documents})


@breaks("observing-is-stable")
class Sessional(ReferenceDriver):
    """Handles of a later session are not those of an earlier one."""

    @override
    def __init__(self, *args):
        super().__init__(*args)
        self.number = self._world.__dict__.setdefault("sessions", 0)
        self._world.sessions += 1

    @override
    def _found(self, one):
        found = super()._found(one)
        assert found.native is not None
        # The harness opened one, then the rule one to write and one to look first.
        late = found.native.model_copy(update={"system": f"session{self.number}"})
        return found.model_copy(update={"native": late}) if self.number > 2 else found


@breaks("checks-are-observed-and-never-written")
class Marking(ReferenceDriver):
    @override
    def observe(self, query, /):
        for one in super().observe(query):
            mark = Marker(address=one.address)
            yield one.model_copy(update={"marker": mark}) if one.is_observe_only else one


@breaks("no-object-tells-a-secret")
class Talkative(ReferenceDriver):
    @override
    def observe(self, query, /):
        password = self._settings.password.get_secret_value()
        for one in super().observe(query):
            yield one.model_copy(update={"facts": Attributes({"login": password})})


@breaks("translating-connects-nowhere")
class Curious(ReferenceDriver):
    @override
    def translate(self, desired, /):
        return self._look("translate", lambda: super(Curious, self).translate(desired))


# --- writing -----------------------------------------------------------------------------------


@breaks("what-was-applied-reads-back-equal")
class Forgetful(ReferenceDriver):
    """Windows of schedules get lost on the way."""

    @override
    def _content(self, wish):
        kind, name, body, marker = super()._content(wish)
        body.get("schedule", {}).pop("window", None)
        return kind, name, body, marker


@breaks("looking-and-computing-write-nothing")
class Busy(ReferenceDriver):
    """Keeps its notes in the product."""

    @override
    def describe(self, request, /):
        self._world.product.create("note", "described", "", {})
        return super().describe(request)


@breaks("every-object-is-observed-once")
class Doubled(ReferenceDriver):
    """What others made is shown twice, under two names."""

    @override
    def observe(self, query, /):
        for one in super().observe(query):
            yield one
            if one.kind == "job" and one.marker is None and "Ann" not in one.address:
                yield one.model_copy(update={"address": f"{one.address}-copy"})


@breaks("a-broken-observation-is-never-a-short-one")
class Shortening(ReferenceDriver):
    @override
    def observe(self, query, /):
        try:
            yield from super().observe(query)
        except UnreachableError:
            return


@breaks("a-write-returns-what-is-there")
class Vague(ReferenceDriver):
    @override
    def apply(self, change, /, *, key):
        done = super().apply(change, key=key)
        return done.model_copy(update={"marker": None}) if done is not None else None


@breaks("a-change-is-made-in-place")
class Rebuilding(ReferenceDriver):
    """An update is a deletion and a creation, and the restore points are gone."""

    @override
    def _carry_out(self, change):
        ident = super()._carry_out(change)
        if change.action is not Action.UPDATE or ident is None:
            return ident
        old = self._world.product.objects.pop(ident)
        return self._world.product.create(old.kind, old.name, old.description, old.body)


@breaks("a-change-by-hand-is-seen")
class Remembering(ReferenceDriver):
    """Shows what it wrote instead of what is there."""

    @override
    def _apply(self, change, key):
        done = super()._apply(change, key)
        if done is not None:
            self._world.__dict__.setdefault("cache", {})[done.native] = done.attributes
        return done

    @override
    def observe(self, query, /):
        cache = self._world.__dict__.get("cache", {})
        for one in super().observe(query):
            known = cache.get(one.native, one.attributes)
            yield one.model_copy(update={"attributes": known})


@breaks("a-deletion-by-hand-is-seen")
class Loyal(ReferenceDriver):
    """What was there once stays in its list until it deletes it itself."""

    @override
    def _carry_out(self, change):
        if change.after is None:
            self.__dict__.get("seen", {}).pop(change.address, None)
        return super()._carry_out(change)

    @override
    def observe(self, query, /):
        seen = self.__dict__.setdefault("seen", {})
        rows = list(super().observe(query))
        seen |= {one.address: one for one in rows if one.marker is not None}
        shown = {one.address for one in rows}
        yield from rows
        yield from (one for address, one in seen.items() if address not in shown)


@breaks("the-marker-is-written-and-recognised")
class Nominal(ReferenceDriver):
    """Goes by names, whatever the marker says."""

    @override
    def _found(self, one):
        return super()._found(one).model_copy(update={"address": f"{one.kind}/{one.name}"})


@breaks("adopting-marks-what-is-there")
class Doubling(ReferenceDriver):
    @override
    def _carry_out(self, change):
        if change.action is Action.ADOPT:
            change = change.model_copy(update={"action": Action.CREATE, "before": None})
        return super()._carry_out(change)


@breaks("deleting-takes-only-that-one")
class Thorough(ReferenceDriver):
    """Clears away what bears no marker as well."""

    @override
    def _carry_out(self, change):
        if change.after is None:
            objects = self._world.product.objects
            for ident in [i for i, one in objects.items() if "Ann" in one.description]:
                del objects[ident]
        return super()._carry_out(change)


@breaks("deleting-what-is-gone-is-no-error")
class Strict(ReferenceDriver):
    @override
    def _carry_out(self, change):
        known = self._world.product.objects
        if change.after is None and change.before.native.id not in known:
            raise NotFoundError("it is not there", operation="apply")
        return super()._carry_out(change)


@breaks("the-same-key-has-one-effect")
class Keyless(ReferenceDriver):
    @override
    def _apply(self, change, key):
        self._world.product.keys.pop(key, None)
        return super()._apply(change, key)


@breaks("a-lost-answer-to-a-write-is-an-unknown-outcome")
class Guessing(ReferenceDriver):
    """No answer, so nothing happened: is it not so?"""

    @override
    def apply(self, change, /, *, key):
        try:
            return super().apply(change, key=key)
        except OutcomeUnknownError as error:
            raise UnreachableError(error.message) from error


@breaks("a-change-in-between-is-a-conflict")
class Ruthless(ReferenceDriver):
    @override
    def _check_unchanged(self, change, there):
        return None


@breaks("what-cannot-be-updated-is-replaced")
class Optimistic(ReferenceDriver):
    @override
    def translate(self, desired, /):
        done = super().translate(desired)
        resources = tuple(one.model_copy(update={"immutable": ()}) for one in done.resources)
        return done.model_copy(update={"resources": resources})


@breaks("what-is-retired-stays-and-comes-back")
class Restless(ReferenceDriver):
    """Retires what is retired already once more."""

    @override
    def retired(self, resource, /):
        done = super().retired(resource)
        times = int(resource.attributes.get("times") or 0) + 1
        fields = {**done.attributes, "times": times} if resource.kind == "job" else {}
        return done.model_copy(update={"attributes": Attributes(fields)}) if fields else done


@breaks("what-was-applied-can-be-imported")
class Careless(ReferenceDriver):
    """Describes jobs of ours as if they were never verified."""

    @override
    def describe(self, request, /):
        def without(one):
            fields = {**one.attributes, "verify": False}
            is_ours = one.kind == "job" and one.native is not None and one.marker is not None
            return one.model_copy(update={"attributes": Attributes(fields)}) if is_ours else one

        resources = tuple(without(one) for one in request.resources)
        return super().describe(request.model_copy(update={"resources": resources}))


@breaks("nothing-is-left-out-in-silence")
class Selfish(ReferenceDriver):
    @override
    def describe(self, request, /):
        ours = tuple(r for r in request.resources if r.native is None or r.marker is not None)
        return super().describe(request.model_copy(update={"resources": ours}))


# --- the rules are tested themselves -------------------------------------------------------------


def test_every_rule_has_a_mutant() -> None:
    """A rule that nothing can break checks nothing."""
    assert set(MUTANTS.of) == set(MUTANTS.rules)


@pytest.mark.parametrize("rule", sorted(MUTANTS.rules))
def test_mutant_is_caught_by_exactly_its_rule(rule: str) -> None:
    """One defect, one red rule: whoever reads it knows where to look."""
    assert MUTANTS.broken_by(MUTANTS.of[rule]) == {rule}


def test_driver_that_keeps_the_rules_breaks_none() -> None:
    assert MUTANTS.broken_by(ReferenceDriver) == set()


def test_every_rule_says_itself_in_one_sentence() -> None:
    """What a plugin author reads when it goes red."""
    for rule in MUTANTS.rules.values():
        assert "\n" not in rule.text, rule.id
        assert rule.text.endswith("."), rule.id


@pytest.mark.parametrize(("driver", "is_kept"), [(ReferenceDriver, True), (Careless, False)])
def test_what_is_in_service_is_tried_by_importing_it(driver, is_kept: bool) -> None:
    """The one rule for products in service only, which find something there."""
    (rule,) = [one for one in LIVE_MANAGE_RULES if one.id not in MUTANTS.rules]

    class Furnished(FewDocuments):
        driver_class = driver

    harness = Furnished()
    product = harness.world.product
    product.create(
        "plan",
        "gold",
        "[safepoint:default:plan/gold]",
        {"consistency": "crash", "fallback": "allow"},
    )
    body = {"cluster": harness.cluster, "plan": "gold", "include": [{"name": "x"}], "verify": True}
    product.create("job", "sql", "[safepoint:default:job/sql]", body)
    product.create("server", harness.cluster, "", {"nodes": ["node1"], "username": "operator"})

    if is_kept:
        rule.check(harness)
    else:
        with pytest.raises(AssertionError, match="verify"):
            rule.check(harness)
