"""The Hyper-V side as VBR sees it: the SCVMM, accounts, and checkpoints with VBR's names."""

from __future__ import annotations

import secrets
from datetime import datetime

from safepoint_lab.products.accounts import Account
from safepoint_lab.products.fabric import Fabric, FabricError
from safepoint_lab.products.work import Crew
from safepoint_lab.veeam.records import Credential
from safepoint_lab.veeam.settings import VeeamSettings
from safepoint_lab.world.enums import Consistency
from safepoint_lab.world.model import Checkpoint, Vm
from safepoint_lab.world.port import WorldPort

__all__ = ["VeeamFabric"]


class VeeamFabric(Fabric):
    """What VBR can see and do on hosts; the SCVMM manages every cluster."""

    def __init__(self, world: WorldPort, settings: VeeamSettings, crew: Crew) -> None:
        account = Account(settings.fabric_username, settings.fabric_password)
        super().__init__(world, crew, account)
        self._scvmm = settings.scvmm.casefold()

    def is_scvmm(self, name: str) -> bool:
        """Tell whether a name is the SCVMM's."""
        return name.casefold() in (self._scvmm, self._scvmm.split(".")[0])

    def require_access(self, host: str, credential: Credential | None) -> None:
        """Raise `FabricError` when an account does not open a host."""
        if credential is None:
            return
        if not self.accepts(credential.username, credential.password):
            message = f"Failed to connect to host {host}: Access denied (simulated text)"
            raise FabricError(message)

    def freeze(self, vm: Vm, consistency: Consistency) -> Checkpoint:
        """Create a recovery checkpoint and give it the name Veeam's have.

        Raises:
            FabricError: With a text in the shape of the product's [F].
        """
        mode = "Veeam application-aware processing"
        if consistency is Consistency.CRASH:
            mode = "Crash consistent"
        lead = f"Failed to create VM recovery checkpoint (mode: {mode}) Details: "
        name = _checkpoint_name(self.world.now())
        return self.create_checkpoint(vm, consistency, name=name, lead=lead)

    def thaw(self, vm: Vm, checkpoint: str) -> None:
        """Remove a recovery checkpoint; the merge goes on in the background [D/F]."""
        lead = "Failed to remove VM recovery checkpoint. Details: "
        self.remove_checkpoint(vm, checkpoint, lead=lead)


def _checkpoint_name(now: datetime) -> str:
    """Return a name in the one form seen in the field: 4 hex digits and a time [weak]."""
    return f"Veeam Recovery Checkpoint ({secrets.token_hex(2)}.{now:%Y%m%d%H%M%S})"
