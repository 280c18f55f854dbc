"""How a plugin announces a driver: data and one factory, no connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from safepoint.drivers.base import DRIVER_API, Driver, DriverContext

__all__ = ["DriverSpec"]

SettingsT = TypeVar("SettingsT", bound=BaseModel)


@dataclass(frozen=True)
class DriverSpec(Generic[SettingsT]):
    """A driver that can be opened.

    Listing drivers, printing their settings schema and validating an estate need only this.
    """

    name: str
    """The word in `Connection.spec.driver`; lower case."""
    title: str
    """The product's name for people."""
    settings: type[SettingsT]
    """A pydantic model with `extra="forbid"`; secrets are fields of type `SecretStr`,
    which arrive resolved."""
    open: Callable[[SettingsT, DriverContext], Driver]
    """Make a driver. Must not connect: connecting belongs to the first call."""
    api: int = DRIVER_API
    """The boundary version the driver was written for."""
    job_block: type[BaseModel] | None = None
    """The model of `spec.vendor.<name>` in a `ProtectionJob`, with `extra="forbid"`: what is the
    product's own and no neutral field says. None: the block is not checked."""
