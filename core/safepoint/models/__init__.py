"""Vendor-neutral data, frozen, without behaviour beyond its own invariants."""

from __future__ import annotations
