"""What other products do, and what ours leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from safepoint_lab.chaos.deeds_runs import Runs
from safepoint_lab.chaos.ground import Ground
from safepoint_lab.chaos.watch import Planted

__all__ = ["Others"]

_FOREIGN: Final = {
    "Veeam Recovery Checkpoint (0a1b2c3d.20260112220001)": "product",
    "Bareos JobId 4711": "product",
    "safepoint nightly (0123456789abcdef)": "other-journal",
}


class Others:
    """Checkpoints that are not ours."""

    def __init__(self, ground: Ground, runs: Runs) -> None:
        self._ground = ground
        self._runs = runs

    def deeds(self) -> list[Callable[[], None]]:
        """Return what may happen."""
        return [self.another_product, self.a_product_leaves_its_checkpoint]

    def another_product(self) -> None:
        """Plant a checkpoint that must stay."""
        ground = self._ground
        name = ground.choice(sorted(_FOREIGN))
        vm = ground.some_vm()
        if vm is None:
            return
        before = {one.guid for one in ground.lab.checkpoints()}
        where = f"{vm.name}@{vm.cluster}"
        ground.lab.arm_fault("foreign-recovery-checkpoint", vm=where, parameters={"name": name})
        made = [
            one for one in ground.lab.checkpoints() if one.guid not in before and one.name == name
        ]
        for one in made:
            ground.watch.planted[one.guid] = Planted(_FOREIGN[name], one.vm, one.cluster)
        ground.story.did("checkpoint of another", f"{name} on {where}")

    def a_product_leaves_its_checkpoint(self, engine: str = "") -> None:
        """Let a product, any when none is named, say that it succeeded and leave its checkpoint."""
        engine = engine or self._ground.choice(("veeam", "commvault"))
        self._ground.story.did("checkpoint that a product leaves", engine)
        self._ground.lab.arm_fault(f"{engine}-leaves-checkpoint")
        self._ground.finish(self._runs.begin(engine))
