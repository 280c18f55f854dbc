"""Runs of Veeam, where the simulated server is too quick or too good."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import responses
from pydantic import SecretStr

from safepoint.drivers import DriverContext
from safepoint.errors import BusyError, InvalidRequestError, VendorFaultError
from safepoint.models.refs import Ref
from safepoint.models.runs import RunQuery, RunRequest
from safepoint_veeam.driver import VeeamDriver
from safepoint_veeam.settings import VeeamSettings

URL = "https://vbr.test:9419"
API = f"{URL}/api/v1"
RUN = Ref(kind="run", system="vbr", id="s1")
RESTORE = Ref(kind="restore", system="vbr", id="s1")


@pytest.fixture
def wire():
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/api/oauth2/token", json={"access_token": "a", "refresh_token": "r"})
        yield mock


@pytest.fixture
def driver():
    settings = VeeamSettings(
        url=URL, username="svc", password=SecretStr("secret"), api_version="1.3-rev1"
    )
    return VeeamDriver(settings, DriverContext("vbr", lambda: datetime.now(UTC), Path(), ()))


def listing(*rows):
    frame = {"total": len(rows), "count": len(rows), "skip": 0, "limit": 500}
    return {"data": list(rows), "pagination": frame}


def session(ident: str, day: int, state: str = "Working"):
    return {
        "id": ident,
        "name": ident,
        "jobId": f"job-of-{ident}",
        "sessionType": "BackupJob",
        "state": state,
        "creationTime": f"2026-03-{day:02}T00:00:00Z",
    }


def job(status: str, ident: str):
    return {
        "id": f"job-of-{ident}",
        "name": f"of-{ident}",
        "type": "HyperVBackup",
        "status": status,
        "lastResult": "None",
        "sessionId": ident,
    }


def test_a_run_that_began_before_the_newest_sessions_is_still_active(wire, driver):
    """Otherwise a long one would keep nobody from its VMs, once shorter ones have come and gone."""
    states = job("Running", "s1"), job("Running", "s2"), job("Inactive", "s3")
    wire.get(f"{API}/jobs/states", json=listing(*states))
    newest = session("s3", 9, "Stopped"), session("s2", 8)
    wire.get(f"{API}/sessions", json=listing(*newest))
    wire.get(f"{API}/sessions/s1", json=session("s1", 1))
    found = list(driver.runs(RunQuery(only_active=True)))
    assert [(one.id, one.job) for one in found] == [("s2", "of-s2"), ("s1", "of-s1")]
    since = datetime(2026, 3, 2, tzinfo=UTC)
    assert [one.id for one in driver.runs(RunQuery(only_active=True, since=since))] == ["s2"]
    assert [one.id for one in driver.runs(RunQuery(only_active=True, limit=1))] == ["s2"]


@pytest.mark.parametrize("status", [400, 409, 500])
@pytest.mark.parametrize("end", ["cancel_run", "cancel_restore"])
def test_to_stop_what_ends_meanwhile_is_harmless(wire, driver, status, end):
    wire.get(f"{API}/sessions/s1", json=session("s1", 1))
    wire.post(f"{API}/sessions/s1/stop", json={"errorCode": "UnknownError"}, status=status)
    wire.get(f"{API}/sessions/s1", json=session("s1", 1, "Stopped"))
    if end == "cancel_run":
        driver.cancel_run(RUN, key="k")
    else:
        driver.cancel_restore(RESTORE)


@pytest.mark.parametrize(("status", "kind"), [(400, InvalidRequestError), (500, VendorFaultError)])
def test_a_stop_that_is_refused_is_told(wire, driver, status, kind):
    wire.get(f"{API}/sessions/s1", json=session("s1", 1))
    wire.post(f"{API}/sessions/s1/stop", json={"errorCode": "UnknownError"}, status=status)
    with pytest.raises(kind):
        driver.cancel_run(RUN, key="k")


@pytest.mark.parametrize("status", [400, 409, 500])
def test_a_job_that_somebody_starts_meanwhile_is_busy(wire, driver, status):
    wire.get(f"{API}/jobs/states", json=listing(job("Inactive", "s1")))
    wire.post(f"{API}/jobs/job-of-s1/start", json={"errorCode": "UnknownError"}, status=status)
    wire.get(f"{API}/jobs/states", json=listing(job("Running", "s1")))
    with pytest.raises(BusyError):
        driver.start_run(RunRequest(job="of-s1"), key="k")
