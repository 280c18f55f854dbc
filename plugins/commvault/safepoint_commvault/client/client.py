"""The client: one account on one CommServe."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import SecretStr
from typing_extensions import override

from safepoint.drivers.https import Transport, Trust
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


class CommvaultClient:
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
        self._transport = Transport(url, trust or Trust(), network_hint=_NETWORK_HINT)
        self._caller = Caller(self._transport, username, password, device)
        self.machines = Machines(self._caller)
        self.credentials = Credentials(self._caller)
        self.hypervisors = Hypervisors(self._caller)
        self.storage = Storage(self._caller)
        self.plans = Plans(self._caller)
        self.vm_groups = VmGroups(self._caller)
        self.jobs = Jobs(self._caller)
        self.vms = Vms(self._caller)

    @property
    def system(self) -> str:
        """The CommServe as errors name it: host and port."""
        return self._transport.system

    @property
    def request_count(self) -> int:
        """How many requests were sent so far, logins included."""
        return self._transport.request_count

    def close(self) -> None:
        """Log out. May be called twice; any other call afterwards raises."""
        self._caller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @override
    def __repr__(self) -> str:
        return f"CommvaultClient({self._transport.base_url!r})"
