"""How long each wait may take before it is given up and reported."""

from __future__ import annotations

from safepoint.models.base import Model

__all__ = ["Deadlines"]


class Deadlines(Model):
    """Seconds. A deadline never forgets a checkpoint: what is left stays in the journal."""

    create_seconds: float = 900.0
    """From asking for a checkpoint until it is there; guests may take long to quiesce."""
    settle_seconds: float = 10.0
    """How long after the intent a request without an answer may still reach an idle VM: only then
    "nothing there" means "never made"."""
    rename_seconds: float = 10.0
    """Giving it our name; a checkpoint is not held much longer for the sake of a name."""
    delete_seconds: float = 900.0
    """From asking for its deletion until it is off the list."""
    merge_seconds: float = 4 * 3600.0
    """From its deletion until the VM is back on its own files."""
    slot_seconds: float = 12 * 3600.0
    """Waiting for a free place on the node and the share."""
    product_silence_seconds: float = 1800.0
    """How long a product that carries out a run may be out of reach while it is followed."""
    product_unknown_seconds: float = 900.0
    """How long a product's run may stand at a word that is not known, or be forgotten."""
    product_odd_end_seconds: float = 30.0
    """The same for a run that has ended, by the time that the product states: then it is over."""
    product_start_seconds: float = 60.0
    """How long to look for a run whose start got no answer."""
    glance_seconds: float = 10.0
    """How often the hosts are looked at while a product works on their VMs."""
