"""Guests: what runs inside the VMs of the lab and writes to their disks."""

from __future__ import annotations

from safepoint_lab.world.guest.engine import GuestEngine
from safepoint_lab.world.guest.machine import GuestMachine
from safepoint_lab.world.guest.report import AppHealth, GuestReport

__all__ = ["AppHealth", "GuestEngine", "GuestMachine", "GuestReport"]
