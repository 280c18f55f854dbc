"""One job through three products and back, by editing one line."""

from __future__ import annotations

import threading
from typing import Any, Self

import pytest

from safepoint_lab.commvault.records import VmGroup
from safepoint_lab.daemon import Lab
from safepoint_lab.veeam.records import Job as VeeamJob

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two nodes, two VMs, both products beside the hosts."""
    products = {"veeam": "1.3-rev2", "commvault": "11.44"}
    choices = {"nodes": 2, "vms": 2, "disk_bytes": 8 << 20, "smb": "path", "speed": 40.0}
    with Lab.start(tmp_path_factory.mktemp("lab"), products=products, **choices) as started:
        yield started


class Watch:
    """Looks at the products themselves, all the time, whether one of them has the job enabled."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.gaps = 0
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        while not self._stop.wait(0.005):
            self.looks += 1
            self.gaps += not self.enabled()

    def enabled(self) -> list[str]:
        """Return the products in which the job is there and enabled."""
        found = []
        if (self.lab.folder.root / "repository" / "jobs" / "everything.json").exists():
            found.append("hyperv")
        running: Any = self.lab.products
        shelf = running.get("commvault").engine.shelf
        groups = [g for g in shelf.all(VmGroup) if g.name == "everything"]
        found += ["commvault" for g in groups if 1 not in g.disabled]
        jobs = running.get("veeam").engine.shelf.all(VeeamJob)
        found += ["veeam" for j in jobs if j.body["name"] == "everything" and not j.disabled]
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_job_moves_through_three_products_and_back(lab, site_on) -> None:
    """Enabled somewhere at every moment, losses shown each way, old points kept."""
    site = site_on(lab)
    assert site.safepoint("apply", "--auto-approve").code == 0
    text = lab.estate.read_text("utf-8")
    now, points = "hyperv", 0
    with Watch(lab) as watch:
        for new in ("commvault", "veeam", "hyperv", "commvault"):
            text = text.replace(f"connection: {now}\n  cluster", f"connection: {new}\n  cluster")
            lab.estate.write_text(text, "utf-8")
            plan = site.safepoint("plan", "--json").json
            assert "job-switches" in {one["code"] for one in plan["findings"]}
            assert any(one["fidelity"] != "exact" for one in plan["losses"])
            turns = [c["action"] for c in plan["changes"] if c["action"] != "no change"]
            assert turns[-1] == ("delete" if now == "hyperv" else "retire")
            said = site.safepoint("apply", "--auto-approve")
            assert said.code == 0, said.err
            assert watch.enabled() == [new]
            assert site.safepoint("run", "everything").code == 0
            points += 2
            listed = site.safepoint("points", "list", "--json").json["items"]
            assert len(listed) == points
            now = new
    assert watch.looks
    assert watch.gaps == 0
    assert site.safepoint("plan", "--detailed-exitcode").code == 0
