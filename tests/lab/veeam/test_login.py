"""Versions, tokens, and how the server says no."""

from __future__ import annotations

import pytest
import requests


@pytest.mark.parametrize("version", ["", "1.2-rev1", "1.3-rev2", "nonsense"])
def test_a_version_the_server_does_not_speak_is_refused_before_login(client, version):
    client.http.headers["x-api-version"] = version
    answer = client.call("GET", "/jobs")
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "NotImplemented"
    assert "v1.3-rev1" in answer.json()["message"]


def test_the_newer_server_speaks_both_revisions(serve, client_of):
    server = serve(profile="1.3-rev2")
    for revision in ("1.3-rev2", "1.3-rev1"):
        client = client_of(server, revision)
        client.login()
        assert client.get("/serverInfo")["buildVersion"] == "13.1.0.411"


def test_a_wrong_password_is_401(client):
    answer = client.token(grant_type="password", username="svc-veeam", password="wrong")
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "AccessDenied")


def test_a_refresh_token_is_good_for_one_use_and_ends_the_old_access_token(client):
    first = client.login()
    fresh = client.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert fresh.status_code == 200
    assert client.call("GET", "/jobs").json()["errorCode"] == "InvalidToken"
    again = client.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert again.status_code == 401


def test_an_access_token_expires(serve, client_of):
    client = client_of(serve(token_seconds=0))
    client.login()
    answer = client.call("GET", "/jobs")
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "ExpiredToken")


def test_logout_ends_access_and_refresh(client):
    token = client.login()
    assert client.http.post(f"{client.server.url}/api/oauth2/logout", timeout=30).ok
    assert client.call("GET", "/jobs").status_code == 401
    again = client.token(grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert again.status_code == 401


def test_time_and_certificate_need_no_login(client):
    del client.http.headers["Authorization"]
    assert client.get("/serverTime")["serverTime"]
    assert client.get("/serverCertificate")["thumbprint"]
    assert client.call("GET", "/serverInfo").status_code == 401


def test_unknown_paths_ids_and_methods(client):
    assert client.call("GET", "/nothing").json()["errorCode"] == "InvalidURI"
    assert client.call("PATCH", "/jobs").status_code == 405
    missing = client.call("GET", "/jobs/5a6d9f30-4c1e-4b0a-9a7d-1b2c3d4e5006")
    assert (missing.status_code, missing.json()["errorCode"]) == (404, "NotFound")


def test_a_client_that_does_not_trust_the_lab_is_turned_away(client):
    stranger = requests.Session()
    stranger.trust_env = False
    with pytest.raises(requests.exceptions.SSLError):
        stranger.get(f"{client.server.url}/api/v1/serverTime", timeout=30)


def test_twelve_three_knows_no_hyper_v(serve, client_of):
    client = client_of(serve(profile="12.3"), "1.2-rev1")
    client.login()
    assert client.get("/serverInfo")["buildVersion"] == "12.3.1.1139"
    for path in ("/jobs", "/restore/vmRestore/hyperV", "/backupInfrastructure/managedServers"):
        assert client.call("POST", path, {}).status_code in (404, 405)
    assert client.get("/jobs")["data"] == []
