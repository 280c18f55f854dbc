"""What the jobs of single VMs tell of a job that has ended."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from safepoint.errors import PermissionDeniedError, UnreachableError
from safepoint_commvault.wire.work import Job, JobDetails
from safepoint_commvault.working.vm_jobs import VmJob, VmJobs

GUID = "AAAAAAAA-0000-0000-0000-000000000001"


class Client:
    """Answers for one hypervisor; counts the questions about jobs."""

    def __init__(self, answer: dict[str, object] | Exception) -> None:
        self.asked: list[str] = []
        self._answer = answer
        known = SimpleNamespace(guid=GUID.lower(), size_bytes=64)
        self.vms = SimpleNamespace(known=lambda _client: [known])
        self.jobs = SimpleNamespace(get=self.get)

    def get(self, ident: str) -> Job:
        self.asked.append(ident)
        if isinstance(self._answer, Exception):
            raise self._answer
        return Job.read({"jobId": ident, "status": "Completed", **self._answer})


def job(status: str = "Completed") -> Job:
    subclient = {"subclientId": 42, "clientId": 17}
    return Job.read({"jobId": 9, "status": status, "subclient": subclient})


def details(part: int) -> JobDetails:
    row = {"vmName": "app01", "GUID": GUID, "jobID": part}
    return JobDetails.read({"job": {"jobDetail": {"clientStatusInfo": {"vmStatus": [row]}}}})


def test_sizes_come_from_the_vms_own_job_and_are_asked_for_once():
    client = Client({"sizeOfApplication": 40, "sizeOfMediaOnDisk": 10})
    vm_jobs = VmJobs(client)

    for _ in range(2):
        assert vm_jobs.of(job(), details(91)) == {GUID: VmJob(64, 40, 10)}
    assert client.asked == ["91"]


def test_nothing_is_asked_of_a_job_that_still_goes_on():
    client = Client({})

    assert VmJobs(client).of(job("Running"), details(91)) == {}
    assert client.asked == []


@pytest.mark.parametrize("part", [0, 9])
def test_vm_without_a_job_of_its_own_has_no_such_sizes(part):
    client = Client({})

    assert VmJobs(client).of(job(), details(part)) == {GUID: VmJob(64)}
    assert client.asked == []


def test_refusal_to_tell_sizes_keeps_nobody_from_the_end_of_the_run():
    client = Client(PermissionDeniedError("no", operation="job", system="cv"))

    assert VmJobs(client).of(job(), details(91)) == {}


def test_product_that_is_out_of_reach_is_asked_again():
    vm_jobs = VmJobs(Client(UnreachableError("no route", operation="job", system="cv")))

    with pytest.raises(UnreachableError):
        vm_jobs.of(job(), details(91))
    with pytest.raises(UnreachableError):
        vm_jobs.of(job(), details(91))
