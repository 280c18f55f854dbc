"""Declared jobs of the native driver: registered in the repository, so that it explains itself.

::

    label.json                 whose repository it is
    jobs/<name>.json           one job: what it protects, when, how long points are kept

Both are readable JSON with a digest of themselves, written atomically. Beside them stand
preflight checks of hosts, shares and guests: resources that are observed and never written.
"""

from __future__ import annotations

from safepoint_native.managing.manager import Manager

__all__ = ["Manager"]
