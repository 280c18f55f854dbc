"""The client: one account on one CommServe."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from safepoint.drivers.https import Transport, Trust
from safepoint.drivers.logins import RestClient
from safepoint_commvault.caller import Caller
from safepoint_commvault.client.infrastructure import (
    Credentials,
    Hypervisors,
    Machines,
    Storage,
)
from safepoint_commvault.client.machines import Vms
from safepoint_commvault.client.work import Jobs, Plans, VmGroups

__all__ = ["WEB_SERVICE", "CommvaultClient"]

#: Where the web service is when a URL names the host alone [S].
WEB_SERVICE: Final = "/commandcenter/api"
_NETWORK_HINT: Final = "Check name, port (usually 443) and firewall."


class CommvaultClient(RestClient):
    r"""Typed calls, each sent once. Connects at the first call; usable from several threads.

    Args:
        base_url: Such as ``https://commserve01.corp.example``; the path of the web service is
            ``/commandcenter/api`` unless the URL has one, such as ``/webconsole/api``.
        username: The account, with its directory as ``DOMAIN\user``.
        password: Its password.
        trust: How the server proves who it is.
        device: What the session is called in the product's own list.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: SecretStr,
        *,
        trust: Trust | None = None,
        device: str = "safepoint",
    ) -> None:
        url = base_url.rstrip("/")
        if not urlsplit(url).path:
            url += WEB_SERVICE
        transport = Transport(url, trust or Trust(), network_hint=_NETWORK_HINT)
        caller = Caller(transport, username, password, device)
        super().__init__(transport, caller.login)
        self.machines = Machines(caller)
        self.credentials = Credentials(caller)
        self.hypervisors = Hypervisors(caller)
        self.storage = Storage(caller)
        self.plans = Plans(caller)
        self.vm_groups = VmGroups(caller)
        self.jobs = Jobs(caller)
        self.vms = Vms(caller)
