"""Jobs that end, or turn, between the look at them and the wish."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import responses
from pydantic import SecretStr
from responses.registries import OrderedRegistry

from safepoint.drivers import DriverContext
from safepoint.errors import ConflictError, VendorFaultError
from safepoint.models.refs import Ref
from safepoint_commvault.driver import CommvaultDriver
from safepoint_commvault.settings import CommvaultSettings

URL = "https://commserve01.test"
API = f"{URL}/commandcenter/api"
RUN = Ref(kind="run", system="cv", id="9")
RESTORE = Ref(kind="restore", system="cv", id='{"job":"9","cluster":"c","name":"n","guid":""}')
REFUSAL = {"errors": [{"errorCode": 5, "errorMessage": "Job 9 is not active"}]}
WORDS = {
    "suspend": ("Running", "action/pause"),
    "resume": ("Suspended", "action/resume"),
    "cancel": ("Running", "action/kill"),
}


@pytest.fixture
def wire():
    with responses.RequestsMock(registry=OrderedRegistry) as mock:
        mock.post(f"{API}/Login", json={"token": "QSDK aaaa"})
        yield mock


@pytest.fixture
def driver():
    settings = CommvaultSettings(server=URL, username="svc", password=SecretStr("secret"))
    return CommvaultDriver(settings, DriverContext("cv", lambda: datetime.now(UTC), Path(), ()))


def refused(wire, wish: str, *, then: str | None) -> None:
    """Let the product refuse a wish, and say of the job what it is by then; None: not known."""
    before, action = WORDS[wish]
    wire.get(f"{API}/Job/9", json=told(before))
    wire.post(f"{API}/Job/9/{action}", json=REFUSAL)
    wire.get(f"{API}/Job/9", json=told(then))


def told(status: str | None) -> dict[str, object]:
    """What the product says of the job."""
    return {"jobs": [{"jobSummary": {"jobId": 9, "status": status}}] if status else []}


@pytest.mark.parametrize("wish", ["suspend", "resume"])
def test_a_job_that_ends_meanwhile_is_told_as_ended(wire, driver, wish):
    refused(wire, wish, then="Completed")
    with pytest.raises(ConflictError, match="job 9 has ended: Completed"):
        getattr(driver, f"{wish}_run")(RUN, key="k")


@pytest.mark.parametrize("then", ["Completed", None])
def test_to_cancel_what_ends_meanwhile_is_harmless(wire, driver, then):
    refused(wire, "cancel", then=then)
    driver.cancel_run(RUN, key="k")


def test_to_cancel_a_restore_that_ends_meanwhile_is_harmless(wire, driver):
    refused(wire, "cancel", then="Completed")
    driver.cancel_restore(RESTORE)


@pytest.mark.parametrize(("wish", "then"), [("suspend", "Suspended"), ("resume", "Running")])
def test_a_wish_that_came_true_without_us_is_harmless(wire, driver, wish, then):
    refused(wire, wish, then=then)
    getattr(driver, f"{wish}_run")(RUN, key="k")


@pytest.mark.parametrize("wish", WORDS)
def test_any_other_refusal_is_told_as_it_is(wire, driver, wish):
    refused(wire, wish, then=WORDS[wish][0])
    with pytest.raises(VendorFaultError, match="not active"):
        getattr(driver, f"{wish}_run")(RUN, key="k")
