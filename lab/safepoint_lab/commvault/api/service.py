"""Sessions, access tokens, and what the CommServe says of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from safepoint_lab.commvault.bodies import decoded, integer, text
from safepoint_lab.commvault.calls import Answer, Call, Operation
from safepoint_lab.commvault.engine import Engine
from safepoint_lab.commvault.plans import POOL_ID, POOL_NAME
from safepoint_lab.commvault.problems import LOGIN, PLAN, RENEWAL, missing
from safepoint_lab.commvault.tokens import AccessToken
from safepoint_lab.commvault.vocabulary import COMMCELL_ID

__all__ = ["ServiceCalls"]

_TOKENS = "V4/AccessToken"
_ORGANIZATION = {"providerId": 0, "GUID": "", "providerDomainName": "Commcell"}


class ServiceCalls:
    """Handlers of sessions and of the CommServe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tokens = engine.tokens

    def operations(self) -> list[Operation]:
        """Return the operations."""
        root = "DM2ContentIndexing_CheckCredentialResp"
        return [
            Operation("GET", "", self.greet, anonymous=True),
            Operation(
                "POST", "Login", self.log_in, LOGIN, anonymous=True, reads=True, xml_root=root
            ),
            Operation("POST", "RenewLoginToken", self.renew, RENEWAL, anonymous=True, reads=True),
            Operation("POST", "Logout", self.log_out, anonymous=True, reads=True),
            Operation("POST", "WhoAmI", self.who, reads=True),
            Operation("GET", "CommServ", self.commserve, xml_root="App_GetCommServeResponse"),
            Operation(
                "GET", "StoragePool", self.pools, PLAN, xml_root="Api_GetStoragePoolListResp"
            ),
            Operation("POST", _TOKENS, self.create_token),
            Operation("POST", f"{_TOKENS}/Renew", self.renew_token, anonymous=True),
            Operation("GET", _TOKENS, self.list_tokens),
            Operation("DELETE", f"{_TOKENS}/{{id}}", self.revoke_token),
        ]

    def greet(self, _: Call) -> Answer:
        """Answer the base address; any 200 is enough for clients [S]."""
        return Answer(text="Command Center", html=True)

    def log_in(self, call: Call) -> Answer:
        """Open a session."""
        name = text(call.body, "username")
        if not name:
            raise missing(field="username")
        domain = text(call.body, "domain")
        user = f"{domain}\\{name}" if domain else name
        token = self._tokens.log_in(user, decoded(call.body, "password"))
        shown = user.rpartition("\\")[2]
        body = {
            "token": token,
            "userName": user,
            "userGUID": "9E5C1F0A-0F61-4A0C-9E7B-3A5A4E6B0C11",
            "aliasName": "1",
            "smtpAddress": f"{shown}@{self._engine.settings.domain}",
            "providerType": 1,
            "ccn": 0,
            "capability": 4328650366,
            "loginAttempts": 0,
            "remainingLockTime": 0,
            "isAccountLocked": False,
            "forcePasswordChange": False,
            "errList": [],
            "ownerOrganization": dict(_ORGANIZATION),
            "providerOrganization": dict(_ORGANIZATION),
        }
        return Answer(body)

    def renew(self, call: Call) -> Answer:
        """Exchange a session for a new one; works without a valid one [S]."""
        return Answer({"token": self._tokens.renew(text(call.body, "sessionId"))})

    def log_out(self, call: Call) -> Answer:
        """End a session; the text is observed, not documented."""
        self._tokens.log_out(call.token)
        return Answer(text="User logged out")

    def who(self, call: Call) -> Answer:
        """Say who calls."""
        return Answer({"user": {"userName": call.user, "userId": 1}})

    def commserve(self, _: Call) -> Answer:
        """Describe the CommServe."""
        settings = self._engine.settings
        zone = "(UTC) Coordinated Universal Time"
        body = {
            "hostName": settings.host_name,
            "currentSPVersion": settings.release,
            "csVersionInfo": f"11 SP{settings.release}.0",
            "csTimeZone": {"TimeZoneName": zone},
            "timeZone": f"0:0:{zone}",
            "csGUID": "5A6F3C0E-7B1D-4E1B-9C57-0A4A0F1E7D21",
            "commcell": {"commCellId": COMMCELL_ID, "commCellName": settings.name},
        }
        return Answer(body)

    def pools(self, _: Call) -> Answer:
        """List storage pools; the client reads this one as XML [S]."""
        entity = {"storagePoolId": POOL_ID, "storagePoolName": POOL_NAME}
        return Answer({"storagePoolList": [{"storagePoolEntity": entity, "status": "Online"}]})

    # -- access tokens -------------------------------------------------------------------
    def create_token(self, call: Call) -> Answer:
        """Make an access token."""
        name = text(call.body, "tokenName", required=True)
        until = integer(call.body, "renewableUntilTimestamp")
        limit = datetime.fromtimestamp(until, UTC) if until else None
        made = self._tokens.create(name, integer(call.body, "tokenType", 1), limit)
        return Answer({"error": {"errorCode": 0}, "tokenInfo": _pair(made)})

    def renew_token(self, call: Call) -> Answer:
        """Exchange a pair for a new one."""
        access = text(call.body, "accessToken", required=True)
        refresh = text(call.body, "refreshToken", required=True)
        return Answer(_pair(self._tokens.rotate(access, refresh)))

    def list_tokens(self, _: Call) -> Answer:
        """List access tokens, without their secrets."""
        return Answer({"tokens": [_public(item) for item in self._tokens.all()]})

    def revoke_token(self, call: Call) -> Answer:
        """Revoke an access token."""
        self._tokens.revoke(call.ident())
        return Answer({"error": {"errorCode": 0}})


def _public(token: AccessToken) -> dict[str, Any]:
    return {
        "tokenId": token.id,
        "tokenName": token.name,
        "tokenType": token.kind,
        "tokenExpiryTimestamp": int(token.expires.timestamp()),
        "renewableUntilTimestamp": int(token.renewable_until.timestamp()),
    }


def _pair(token: AccessToken) -> dict[str, Any]:
    return {**_public(token), "accessToken": token.access, "refreshToken": token.refresh}
