"""Sessions: HTTP 200 with errors, idle expiry, renewal, access tokens, locking."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

IDLE = timedelta(minutes=31)


@pytest.fixture
def world(quiet_world):
    return quiet_world


def test_a_wrong_password_is_http_200_without_a_token(serve, client_of):
    client = client_of(serve())
    answer = client.login("wrong")
    assert "token" not in answer
    assert answer["errList"][0]["errorCode"] == 1116
    assert answer["loginAttempts"] == 1


def test_five_wrong_passwords_lock_the_account_for_a_while(serve, client_of):
    client = client_of(serve())
    for _ in range(5):
        last = client.login("wrong")
    assert last["isAccountLocked"]
    assert last["remainingLockTime"] == 300
    assert client.login()["isAccountLocked"]
    client.engine.world.advance(timedelta(seconds=301))
    assert client.login()["token"].startswith("QSDK ")


def test_without_a_session_nothing_is_told(serve, client_of):
    client = client_of(serve())
    answer = client.call("GET", "Client")
    assert answer.status_code == 401
    assert answer.json() == {"errorCode": 5, "errorMessage": "Access denied"}


def test_both_prefixes_any_case_and_repeated_slashes_lead_to_the_same(client, client_of):
    other = client_of(client.server, "webconsole/api")
    other.http.headers["Authtoken"] = client.http.headers["Authtoken"]
    expected = client.get("V4/AccessNodes")
    assert other.get("/v4//accessNODES") == expected
    assert other.call("GET", "V4/Nothing").status_code == 404
    assert other.call("PUT", "Login").status_code == 405


def test_the_token_is_accepted_with_and_without_its_prefix(client):
    token = client.http.headers["Authtoken"].removeprefix("QSDK ")
    client.http.headers["Authtoken"] = token
    assert client.get("Client")["clientProperties"]


def test_an_idle_session_lapses_and_is_renewed_by_its_old_token(client):
    old = client.http.headers["Authtoken"]
    client.engine.world.advance(IDLE)
    assert client.call("GET", "Client").status_code == 401
    renewed = client.post("RenewLoginToken", {"sessionId": old, "deviceId": ""})
    client.http.headers["Authtoken"] = renewed["token"]
    assert client.get("Client")
    again = client.post("RenewLoginToken", {"sessionId": old})
    assert "token" not in again
    assert again["error"]["errLogMessage"]


def test_activity_keeps_a_session_alive(client):
    for _ in range(3):
        client.engine.world.advance(timedelta(minutes=20))
        client.get("Client")


def test_logout_ends_a_session_for_good(client):
    old = client.http.headers["Authtoken"]
    assert client.call("POST", "Logout").text == "User logged out"
    assert client.call("GET", "Client").status_code == 401
    assert "token" not in client.post("RenewLoginToken", {"sessionId": old})


def test_an_access_token_opens_and_a_rotated_pair_ends_the_chain(client):
    made = client.post("V4/AccessToken", {"tokenName": "ci", "tokenType": 1})["tokenInfo"]
    pair = {name: made[name] for name in ("accessToken", "refreshToken")}
    del client.http.headers["Authtoken"]
    client.http.headers["Authorization"] = f"Bearer {made['accessToken']}"
    assert client.post("WhoAmI")["user"]["userName"] == "admin"
    client.engine.world.advance(timedelta(hours=3))
    assert client.call("GET", "Client").status_code == 401
    fresh = client.post("V4/AccessToken/Renew", pair)
    client.http.headers["Authorization"] = f"Bearer {fresh['accessToken']}"
    assert client.get("Client")
    assert client.call("POST", "V4/AccessToken/Renew", pair).status_code == 401
    assert client.call("GET", "Client").status_code == 401


def test_xml_is_the_default_and_json_has_to_be_asked_for(serve, client_of):
    client = client_of(serve())
    settings = client.engine.settings
    secret = base64.b64encode(settings.password.encode()).decode()
    request = (
        f'<DM2ContentIndexing_CheckCredentialReq username="{settings.username}" '
        f'password="{secret}"/>'
    )
    answer = client.http.post(
        f"{client.base}/Login", data=request, headers={"Accept": "application/xml"}, timeout=30
    )
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert answer.text.startswith("<DM2ContentIndexing_CheckCredentialResp token=")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"password": "x"}, "username"),
        ({"username": "admin", "password": "not base64!"}, "base64"),
        ([], "no object"),
    ],
)
def test_a_malformed_login_says_what_is_wrong(serve, client_of, body, reason):
    answer = client_of(serve()).call("POST", "Login", body)
    assert answer.status_code == 200
    assert reason in answer.json()["errList"][0]["errLogMessage"]
