"""A simulated CommServe: the Commvault web API over HTTPS, acting on the lab's world.

`CommvaultServer` is the whole of it for others; `COMMVAULT_FAULTS` lists what can go wrong by
name. Evidence is marked as in the facts it was built from: [S] the vendor's SDK, [X] that SDK
executed, [O] the published OpenAPI document, [P] the PowerShell SDK, [D] documentation, [3]
third parties, [?] inference.
"""

from __future__ import annotations

from safepoint_lab.commvault.catalogue import COMMVAULT_FAULTS
from safepoint_lab.commvault.server import CommvaultServer
from safepoint_lab.commvault.settings import CommvaultSettings

__all__ = ["COMMVAULT_FAULTS", "CommvaultServer", "CommvaultSettings"]
