"""What every estate document has in common, and the documents that say what is there.

`Connection` and `Cluster` live here; how to protect is in `policies`, what to protect in `jobs`.
In documents the fields are written in lower camel case (`keepFor`), in Python in snake case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from safepoint.models.base import Model
from safepoint.models.secrets import SECRET_IN_CLEAR, SecretRef

__all__ = [
    "API_VERSION",
    "Cluster",
    "ClusterLimits",
    "ClusterNode",
    "ClusterSpec",
    "Connection",
    "ConnectionSpec",
    "Document",
    "DocumentPath",
    "EstateModel",
    "Metadata",
    "Name",
    "SmbAccess",
    "SmbShare",
    "UncPath",
    "document_name",
    "refuse",
]

#: The one value of `apiVersion` that this version reads.
API_VERSION: Final = "safepoint/v1"


def refuse(code: str, reason: str, /) -> NoReturn:
    """Fail a validator with a stable code and a reason; the reason repeats no secret."""
    raise PydanticCustomError(code, "{reason}", {"reason": reason})  # a template


class EstateModel(Model):
    """A part of an estate document: frozen, closed, lower camel case in YAML.

    Python code may use the snake-case names; the loader accepts the camel-case ones only.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
        # For what people write only: its reference is made of them, and reading them takes time.
        use_attribute_docstrings=True,
    )


_LONGEST_NAME: Final = 63
_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{_LONGEST_NAME - 1}}}")


def _check_name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        refuse("name", "expected a name: letters, digits, . _ -, no blanks, at most 63")
    return text


def document_name(text: str) -> str:
    """Return the name of a document for an object of a product, whose names may hold anything."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")
    return plain[:_LONGEST_NAME] or "unnamed"


#: The name of a document: letters, digits, `.`, `_`, `-`; begins with a letter or digit.
Name = Annotated[
    str,
    AfterValidator(_check_name),
    Field(title="name", json_schema_extra={"pattern": f"^{_NAME.pattern}$"}),
]


class Metadata(EstateModel):
    """How a document is called."""

    name: Name
    """Unique among the documents of its kind, upper and lower case being the same."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Free words for people and reports; safepoint never acts on them."""


class Document(EstateModel):
    """The frame of every estate document."""

    api_version: Literal["safepoint/v1"] = API_VERSION
    """The version of the format: always `safepoint/v1`."""
    metadata: Metadata
    """How the document is called."""

    @property
    def name(self) -> str:
        """The name by which other documents refer to this one."""
        return self.metadata.name


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def _from_base_dir(path: Path, info: ValidationInfo) -> Path:
    if not path.parts:
        refuse("path_empty", "a path must not be empty")
    if _CONTROL.search(str(path)):
        refuse("path_control", "the path holds a control character")
    context = info.context if isinstance(info.context, Mapping) else {}
    base_dir = context.get("base_dir")
    return path if base_dir is None else Path(base_dir, path.expanduser())


#: A file or folder of this machine; relative to the folder of its document.
DocumentPath: TypeAlias = Annotated[Path, AfterValidator(_from_base_dir), Field(title="path")]

_UNC: Final = re.compile(r'\\\\[^\\/:*?"<>|\x00-\x1f]+(?:\\[^\\/:*?"<>|\x00-\x1f]+)+')


def _check_unc(text: str) -> str:
    path = text.replace("/", "\\").rstrip("\\")
    if _UNC.fullmatch(path) is None:
        refuse("unc_path", r"expected a share such as \\server\share")
    return path


#: A share or a folder on one: `\\server\share[\folder]`, kept with backslashes.
UncPath = Annotated[str, AfterValidator(_check_unc), Field(title="UNC path")]


class ConnectionSpec(EstateModel):
    """Which driver reaches a system, and with what settings."""

    driver: Annotated[str, StringConstraints(min_length=1)]
    """The name of a driver, as `safepoint plugin list` shows it."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """The driver's own settings; secrets are references such as `env:NAME`."""


class Connection(Document):
    """A system that safepoint talks to: a backup product, or the Hyper-V hosts themselves."""

    kind: Literal["Connection"] = "Connection"
    """Always `Connection`."""
    spec: ConnectionSpec
    """What the connection is made of."""


def _check_address(text: str) -> str:
    code = "node_address"
    if not text or any(character.isspace() for character in text):
        refuse(code, "an address is not empty and has no blanks")
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port
    except ValueError:
        refuse(code, "not a usable address")
    if parts.scheme not in {"", "http", "https"} or not parts.hostname or port == 0:
        refuse(code, "expected https://HOST:5986/wsman, http://HOST:5985/wsman or HOST")
    if parts.username is not None or parts.password is not None:
        refuse(SECRET_IN_CLEAR, "an address must not carry a user or a password")
    return text


class ClusterNode(EstateModel):
    """One Hyper-V host."""

    name: Annotated[str, StringConstraints(min_length=1)]
    """The computer name, as the cluster knows it."""
    address: Annotated[str, AfterValidator(_check_address), Field(title="address")]
    """`https://HOST:5986/wsman`, `http://HOST:5985/wsman`, or a host name alone."""


class SmbAccess(EstateModel):
    """How to read a share over SMB 3 without mounting it."""

    server: Annotated[str, StringConstraints(min_length=1)]
    """The host to connect to."""
    port: Annotated[int, Field(ge=1, le=65_535)] = 445
    """The TCP port."""
    username: Annotated[str, StringConstraints(min_length=1)]
    """The account, such as `CORP\\backup` or `backup@corp.example`."""
    password: SecretRef
    """A reference to the password, such as `env:SMB_PASSWORD`."""
    encrypt: bool = True
    """Whether the session must be encrypted."""


class SmbShare(EstateModel):
    """A share that holds disks of VMs, and how this machine reaches it.

    Without `mount` and `smb` the UNC path itself is opened, which works on Windows only.
    """

    path: UncPath
    """The share as the hosts see it: `\\\\server\\share`."""
    mount: DocumentPath | None = None
    """The folder of this machine where the share is mounted."""
    smb: SmbAccess | None = None
    """Access without a mount."""

    @model_validator(mode="after")
    def _check_one_way(self) -> Self:
        if self.mount is not None and self.smb is not None:
            refuse("share_access", "give either mount or smb, not both")
        return self


class ClusterLimits(EstateModel):
    """How much work one cluster is given at the same time."""

    per_node: Annotated[int, Field(ge=1, le=1000)] = 2
    """VMs worked on at once per host."""
    per_share: Annotated[int, Field(ge=1, le=1000)] = 4
    """VMs worked on at once per share."""


class ClusterSpec(EstateModel):
    """The hosts, the shares and the way to read them."""

    hypervisor: Name
    """The `Connection` that reads the hosts, whichever product protects the VMs."""
    nodes: Annotated[tuple[ClusterNode, ...], Field(min_length=1)]
    """The hosts of the cluster; one for a single host."""
    shares: tuple[SmbShare, ...] = ()
    """The shares that hold the disks."""
    scvmm: Annotated[str, StringConstraints(min_length=1)] | None = None
    """The System Center VMM server that manages the cluster, if one does."""
    limits: ClusterLimits = Field(default_factory=ClusterLimits)
    """How much work the cluster is given at the same time."""

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        _refuse_twins("nodes", [node.name for node in self.nodes])
        _refuse_twins("shares", [share.path for share in self.shares])
        return self


def _refuse_twins(field: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            refuse("twins", f"{field} names {name} twice")
        seen.add(name.casefold())


class Cluster(Document):
    """A Hyper-V failover cluster, or a single host, with the shares its VMs live on."""

    kind: Literal["Cluster"] = "Cluster"
    """Always `Cluster`."""
    spec: ClusterSpec
    """What the cluster is made of."""
