"""The first estate file: what `safepoint init` writes, ready to be edited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from safepoint.estate.fields import types_at
from safepoint.models.estate import API_VERSION
from safepoint.models.secrets import SecretRef

__all__ = ["starter_estate"]

_TEXT: Final = """\
# The estate: what there is, how it is protected, through what.
# Edit the values marked <-- and check with:  safepoint validate {file}
# Passwords never stand in here: env:NAME, file:PATH, keyring:SERVICE/USER or exec:COMMAND.

apiVersion: {version}
kind: Connection            # a system that safepoint talks to
metadata:
  name: hosts
spec:
  driver: {driver}
  settings:
{settings}
---
apiVersion: {version}
kind: Cluster               # the Hyper-V hosts and the shares their VMs live on
metadata:
  name: cluster1
spec:
  hypervisor: hosts         # the connection that reads the hosts
  nodes:                    # <-- every host of the cluster; one entry for a single host
    - {{name: hv01, address: 'https://hv01.corp.example:5986/wsman'}}
    - {{name: hv02, address: 'https://hv02.corp.example:5986/wsman'}}
  shares:                   # <-- the SMB shares with the VMs' disks
    - path: '\\\\fs01\\vmstore1'
      smb:                  # how this machine reads the share; or  mount: /mnt/vmstore1
        server: fs01.corp.example
        username: 'CORP\\backup'
        password: env:SAFEPOINT_SMB_PASSWORD
  # limits: {{perNode: 2, perShare: 4}}   # VMs worked on at once
---
apiVersion: {version}
kind: Policy                # how VMs are protected
metadata:
  name: standard
spec:
  consistency: application  # or filesystem, crash
  fallback: fail            # allow: take a weaker state rather than none
  # rpo: 24h                # report a VM whose newest restore point is older
  # schedule:
  #   timezone: Europe/Berlin
  #   daily: {{at: ['22:00']}}
  # retention: {{keepFor: 14d, keepAtLeast: 3}}
---
apiVersion: {version}
kind: ProtectionJob         # which VMs, by which policy, through which connection
metadata:
  name: nightly
spec:
  connection: hosts
  cluster: cluster1
  policy: standard
  include:                  # <-- a VM is protected when one of these matches
    - all: true
    # - name: 'web-*'
    # - share: '\\\\fs01\\vmstore1'
  exclude: []
"""


def starter_estate(
    *, driver: str, settings: type[BaseModel] | None = None, file: str = "estate.yaml"
) -> str:
    """Return a commented estate with one document of each kind.

    Args:
        driver: The driver of the connection.
        settings: Its settings model: fields that are required or have `examples` are written
            out with a value to edit, the others are comments with their default.
        file: The file name to mention.
    """
    lines = "\n".join(_settings(settings)) if settings is not None else "    {}"
    return _TEXT.format(version=API_VERSION, driver=driver, settings=lines, file=file)


def _settings(model: type[BaseModel]) -> Iterator[str]:
    if not any(_is_written_out(field) for field in model.model_fields.values()):
        yield "    {}"
    for name, field in model.model_fields.items():
        key = field.alias or name
        comment = " ".join((field.description or "").split())
        if _is_written_out(field):
            if comment:
                yield f"    # {comment}"
            value = json.dumps(field.examples[0]) if field.examples else _placeholder(model, key)
            yield f"    {key}: {value}  # <--"
        else:
            yield f"    # {key}: {_default(field)}" + (f"  # {comment}" if comment else "")


def _is_written_out(field: FieldInfo) -> bool:
    return field.is_required() or bool(field.examples)


def _placeholder(model: type[BaseModel], key: str) -> str:
    types = types_at(model, (key,))
    if any(found in (SecretStr, SecretBytes, SecretRef) for found in types):
        return f"env:SAFEPOINT_{''.join(c if c.isalnum() else '_' for c in key).upper()}"
    if Path in types:
        return f"./{key}"
    examples = {bool: "true", int: "1", float: "1.0"}
    return next((examples[found] for found in types if found in examples), "CHANGE-ME")


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined or value is None or isinstance(value, BaseModel):
        return "…"
    try:
        return json.dumps(value, default=str)
    except (TypeError, ValueError):
        return "…"
