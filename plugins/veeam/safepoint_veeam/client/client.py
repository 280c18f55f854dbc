"""The client: one account on one backup server."""

from __future__ import annotations

from typing import Final

from pydantic import SecretStr

from safepoint.drivers.https import Transport, Trust
from safepoint.drivers.logins import RestClient
from safepoint_veeam.caller import Caller
from safepoint_veeam.client.infrastructure import Credentials, Inventory, Repositories, Servers
from safepoint_veeam.client.work import Backups, Jobs, Restores, Sessions
from safepoint_veeam.wire.objects import LicenseInfo, ServerInfo

__all__ = ["VeeamClient"]

_NETWORK_HINT: Final = "Check name, port (usually 9419) and firewall."


class VeeamClient(RestClient):
    """Typed calls, each sent once. Connects at the first call; usable from several threads.

    Args:
        base_url: Such as ``https://vbr01.corp.example:9419``.
        username: The account.
        password: Its password.
        trust: How the server proves who it is.
        api_version: Exactly this revision; empty negotiates, newest first.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: SecretStr,
        *,
        trust: Trust | None = None,
        api_version: str = "",
    ) -> None:
        transport = Transport(base_url, trust or Trust(), network_hint=_NETWORK_HINT)
        self._caller = Caller(transport, username, password, api_version)
        super().__init__(transport, self._caller.login)
        self.credentials = Credentials(self._caller)
        self.servers = Servers(self._caller)
        self.inventory = Inventory(self._caller)
        self.repositories = Repositories(self._caller)
        self.jobs = Jobs(self._caller)
        self.sessions = Sessions(self._caller)
        self.backups = Backups(self._caller)
        self.restores = Restores(self._caller)

    @property
    def revision(self) -> str:
        """The negotiated `x-api-version`."""
        return self._caller.revision

    def server_info(self) -> ServerInfo:
        """Who answers; needs the administrator's role [S]."""
        return ServerInfo.read(self._caller.call("server-info"))

    def license(self) -> LicenseInfo:
        """Edition and state of the licence."""
        return LicenseInfo.read(self._caller.call("license"))
