"""The product's objects on the wire, typed where we look into them."""

from __future__ import annotations
