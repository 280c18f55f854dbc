"""What a backup holds: VMs at the top, their disks below."""

from __future__ import annotations

import re
from typing import Final

from pydantic import AliasPath, Field

from safepoint_commvault.wire.base import WireModel

__all__ = ["BackedUp"]

_META: Final = ("advancedData", "browseMetaData", "virtualServerMetaData")


class BackedUp(WireModel):
    """A VM, or a disk of one, in a backup."""

    label: str = Field(alias="displayName")
    path: str
    id: str = Field(default="", alias="name")
    """Of a VM: its GUID."""
    size_bytes: int = Field(default=0, alias="size")
    host: str = Field(default="", validation_alias=AliasPath(*_META, "esxHost"))
    folder: str = Field(default="", validation_alias=AliasPath(*_META, "datastore"))
    network_list: str = Field(default="", validation_alias=AliasPath(*_META, "nics"))

    @property
    def networks(self) -> tuple[str, ...]:
        """The names of the network adapters; they come as XML inside the JSON."""
        return tuple(re.findall(r'<nic [^>]*?name="([^"]*)"', self.network_list))
