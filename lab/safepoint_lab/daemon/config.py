"""What a lab is made of, kept in its folder so that it comes back the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from safepoint.errors import UsageError
from safepoint_lab.choices import Scenario, Scheme, SmbMode
from safepoint_lab.world.building import MIB, EstatePlan

__all__ = ["DOMAIN", "USERNAME", "LabConfig", "NodePorts", "parse_size"]

USERNAME = "svc-safepoint"
DOMAIN = "LAB"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MIN_DISK = 4 * MIB


class NodePorts(BaseModel):
    """The loopback ports of one node; 0 picks a free one."""

    model_config = ConfigDict(extra="forbid")

    http: int = 0
    https: int = 0


class LabConfig(BaseModel):
    """Everything that was chosen when the lab was made, and the ports it got."""

    model_config = ConfigDict(extra="forbid")

    clusters: int = Field(default=1, ge=1, le=8)
    nodes: int = Field(default=2, ge=1, le=16)
    vms: int = Field(default=6, ge=0, le=5000)
    seed: int = 1
    disk_bytes: int = Field(default=64 * MIB, ge=_MIN_DISK, multiple_of=MIB)
    bulk_bytes: int | None = Field(default=None, ge=0)
    scenario: Scenario = Scenario.BACKUP
    scheme: Scheme = Scheme.HTTPS
    smb: SmbMode = SmbMode.AUTO
    smb_encrypt: bool = False
    speed: float = Field(default=1.0, gt=0)
    products: dict[str, str] = Field(default_factory=dict)
    ports: dict[str, NodePorts] = Field(default_factory=dict)
    product_ports: dict[str, int] = Field(default_factory=dict)
    smb_port: int = 0
    built: bool = False

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read a lab's file, None when there is none; UsageError when it is damaged."""
        if not path.exists():
            return None
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            message = f"{path} does not describe a lab"
            raise UsageError(message, hint="Choose another folder, or remove it.") from error

    @classmethod
    def choose(cls, choices: Mapping[str, object]) -> Self:
        """Return a configuration by choices; UsageError that names each that cannot be."""
        try:
            return cls.model_validate(choices)
        except ValidationError as error:
            wrong = [
                f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
            ]
            message = f"no such lab can be: {'; '.join(wrong)}"
            raise UsageError(
                message, hint="`safepoint lab up --help` shows the options."
            ) from error

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        part = path.with_name(f"{path.name}.part")
        part.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        part.replace(path)

    def plan(self) -> EstatePlan:
        """Return what the world builder needs."""
        return EstatePlan(
            clusters=self.clusters,
            nodes=self.nodes,
            vms=self.vms,
            seed=self.seed,
            disk_bytes=self.disk_bytes,
            bulk_bytes=self.bulk_bytes,
            replica_site=self.scenario is Scenario.REPLICA,
        )


def parse_size(text: str) -> int:
    """Return bytes of a size such as ``64M`` or ``2G``; UsageError when it is none."""
    cleaned = text.strip().upper().removesuffix("B").removesuffix("I")
    number, unit = cleaned.rstrip("KMG"), cleaned[len(cleaned.rstrip("KMG")) :]
    if not number.isdecimal() or unit not in _UNITS:
        message = f"'{text}' is no size"
        raise UsageError(message, hint="Write it like 64M or 2G.")
    return int(number) * _UNITS[unit]
