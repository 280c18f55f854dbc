"""Protection jobs: which VMs, by which policy, through which connection."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, model_validator

from safepoint.models.estate import Document, EstateModel, Name, refuse

__all__ = ["NameGlob", "ProtectionJob", "ProtectionJobSpec", "Selector", "ShareGlob"]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SET: Final = re.compile(r"\[!?\]?[^\]]*\]")


def _check_glob(text: str) -> str:
    if not text.strip():
        refuse("glob", "a pattern must not be empty")
    if _CONTROL.search(text):
        refuse("glob_control", "the pattern holds a control character")
    if "[" in _SET.sub("", text):
        refuse("glob", "[ without ] in the pattern")
    return text


def _check_share_glob(text: str) -> str:
    pattern = _check_glob(text).replace("/", "\\").rstrip("\\")
    parts = pattern.split("\\")
    if not pattern.startswith("\\\\") or len(parts) < 4 or not all(parts[2:]):
        refuse("share_glob", r"expected a share pattern such as \\server\share or \\*\vm*")
    return pattern


#: A pattern with `*`, `?` and `[…]`; upper and lower case are the same.
NameGlob = Annotated[str, AfterValidator(_check_glob), Field(title="pattern")]

#: Such a pattern per part of a UNC path; it also covers everything below the path it names.
ShareGlob = Annotated[str, AfterValidator(_check_share_glob), Field(title="share pattern")]


class Selector(EstateModel):
    """Which VMs. Every key that is given must match; patterns ignore upper and lower case."""

    name: NameGlob | None = None
    """A pattern for the VM's name: `*`, `?`, `[ab]`."""
    share: ShareGlob | None = None
    """A pattern for a share or folder that holds at least one of the VM's disks."""
    node: NameGlob | None = None
    """A pattern for the host that owns the VM at the moment."""
    all: Literal[True] | None = None
    """`true` selects every VM of the cluster."""

    @model_validator(mode="after")
    def _check_something(self) -> Self:
        if not self.model_fields_set or all(
            value is None for value in (self.name, self.share, self.node, self.all)
        ):
            refuse("selector_empty", "a selector needs name, share, node or all: true")
        return self


class ProtectionJobSpec(EstateModel):
    """What is protected, how, and through what."""

    connection: Name
    """The `Connection` whose product does the work; changing it is switching products."""
    cluster: Name
    """The `Cluster` the VMs run on."""
    policy: Name
    """The `Policy` that says how and how often."""
    include: Annotated[tuple[Selector, ...], Field(min_length=1)]
    """The VMs to protect: those that at least one selector matches."""
    exclude: tuple[Selector, ...] = ()
    """The VMs to leave out, even when `include` matches."""
    vendor: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """Settings for one product only, under the name of its driver; others ignore them."""
    verify: bool = True
    """Whether the copied data is read back and compared after each run."""
    manage: bool = True
    """`false` for a job that is only compared with the product: `safepoint apply` never writes it."""


class ProtectionJob(Document):
    """A set of VMs that one connection protects by one policy."""

    kind: Literal["ProtectionJob"] = "ProtectionJob"
    """Always `ProtectionJob`."""
    spec: ProtectionJobSpec
    """What the job is made of."""
