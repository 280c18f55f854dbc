"""`safepoint demo`: the whole story on a lab of its own, told while it happens."""

from __future__ import annotations
