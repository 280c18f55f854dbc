"""A simulated Veeam Backup & Replication server: REST over HTTPS, acting on the lab's world.

`VeeamServer` is the whole of it for others; `VEEAM_FAULTS` lists what can go wrong by name.
"""

from __future__ import annotations

from safepoint_lab.veeam.catalogue import VEEAM_FAULTS
from safepoint_lab.veeam.profiles import PROFILES, Profile
from safepoint_lab.veeam.server import VeeamServer
from safepoint_lab.veeam.settings import VeeamSettings

__all__ = ["PROFILES", "VEEAM_FAULTS", "Profile", "VeeamServer", "VeeamSettings"]
