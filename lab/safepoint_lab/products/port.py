"""How the lab carries simulated backup products: what each says about itself, and what it gets.

A product that wants to be in the lab (`safepoint lab up --product NAME`) writes one `LabProduct` and
adds it to `daemon/catalogue.py`. The lab does the rest: it starts the product beside the hosts on
the port it had, keeps its state in a folder of its own, writes its connection into the estate file
with secrets by reference, shows it in `lab status`, offers its faults by name, and stops it before
the hosts.

Rules: the product's name is also the driver's name and the name of the connection; the names of
its faults begin with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from safepoint_lab.products.server import ProductServer
from safepoint_lab.world.catalogue import Fault
from safepoint_lab.world.port import WorldPort

if TYPE_CHECKING:
    from safepoint_lab.daemon.tls import LabTls

__all__ = ["LabProduct", "SecretFile", "SettingValue", "Surroundings"]


@dataclass(frozen=True)
class SecretFile:
    """A secret in a private file: written into the estate as a `file:` reference."""

    path: Path

    def read(self) -> str:
        """Return the secret."""
        return self.path.read_text(encoding="utf-8").strip()


@dataclass(frozen=True)
class Surroundings:
    """What the lab gives to a product."""

    world: WorldPort
    """The Hyper-V hosts it protects."""
    folder: Path
    """Its own folder, for state and bytes."""
    tls: LabTls
    """Authority and certificate for loopback, shared with the hosts."""
    profile: str
    """One of its profiles."""
    port: int
    """The port it had; 0 picks a free one."""
    speed: float
    """Divides all durations."""
    username: str
    r"""The account that opens the hosts: ``DOMAIN\user``."""
    password: SecretFile
    """The password of that account."""
    secret: Callable[[str], SecretFile]
    """Returns a random password, made once, by name."""


#: A value in the settings of a connection. Paths are written relative to the estate file.
SettingValue: TypeAlias = (
    "str | int | bool | Path | SecretFile | Mapping[str, SettingValue] | list[SettingValue]"
)


@dataclass(frozen=True)
class LabProduct:
    """What a product says about itself; light to import is not required."""

    name: str
    title: str
    profiles: tuple[str, ...]
    """The versions it can play; the first is the default."""
    faults: tuple[Fault, ...]
    """Everything that can go wrong in it."""
    open: Callable[[Surroundings], ProductServer[Any]]
    """Make it, with its port taken and nothing served yet. OSError: the port is taken."""
    settings: Callable[[Surroundings, str], Mapping[str, SettingValue]]
    """Return `spec.settings` of its connection, by the address of its server."""
