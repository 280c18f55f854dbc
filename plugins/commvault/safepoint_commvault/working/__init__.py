"""Work of the product: VMs it sees, jobs it runs, points it keeps, restores it makes."""

from __future__ import annotations
