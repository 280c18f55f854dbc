"""safepoint: declare VM protection once, run it through any backup product, prove the rest.

This package is the vendor-neutral core. It knows no vendor, no hypervisor protocol and no lab.
"""

from __future__ import annotations

__all__ = ["__version__"]

#: The version of the one distribution that carries the core, the plugins and the lab.
__version__ = "0.1.0"
