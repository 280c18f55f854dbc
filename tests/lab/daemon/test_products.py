"""Simulated products beside the hosts: carried, shown, written into the estate, kept, broken."""

from __future__ import annotations

import base64
import json

import pytest
import requests
import yaml

from safepoint.cli.app import main
from safepoint.errors import UnknownNameError, UsageError
from safepoint_lab.daemon import Lab
from safepoint_lab.daemon.catalogue import chosen_products, every_fault, products
from safepoint_lab.veeam.records import Repository


@pytest.fixture
def product_lab(tmp_path, small):
    with Lab.start(tmp_path / "lab", products={"veeam": "1.3-rev2"}, **small) as running:
        yield running
        assert running.status().problems == ()


def connection(lab, name):
    documents = yaml.safe_load_all(lab.estate.read_text())
    return next(
        d for d in documents if d["metadata"]["name"] == name and d["kind"] == "Connection"
    )


def test_a_product_is_in_the_estate_with_secrets_by_reference_and_answers_there(product_lab):
    settings = connection(product_lab, "veeam")["spec"]["settings"]
    root = product_lab.folder.root
    secret = root / settings["password"].removeprefix("file:")
    assert secret.read_text().strip() not in product_lab.estate.read_text()
    assert oct(secret.stat().st_mode & 0o777) == "0o600"
    assert settings["fabric"]["password"] == "file:secrets/hyperv"
    answer = requests.get(
        f"{settings['url']}/api/v1/serverTime",
        headers={"x-api-version": "1.3-rev2"},
        verify=str(root / settings["ca"]),
        timeout=10,
    )
    assert answer.status_code == 200
    (view,) = product_lab.status().products
    assert (view.name, view.profile, view.url) == ("veeam", "1.3-rev2", settings["url"])
    assert view.requests == 1


def test_its_faults_are_armed_by_name_like_those_of_the_hosts(product_lab):
    operations = product_lab.operations
    operations.arm_fault("veeam-503", operation="GET *")
    operations.arm_fault("slow")
    assert [one.name for one in operations.faults()] == ["slow", "veeam-503"]
    book = product_lab.products.get("veeam").faults
    assert [one.fault.name for one in book.armed()] == ["veeam-503"]
    assert operations.clear_fault("veeam-503") == 1
    operations.arm_fault("veeam-500")
    assert operations.clear_fault() == 2


def test_the_commserve_is_carried_like_any_other_product(tmp_path, small):
    with Lab.start(tmp_path / "lab", products={"commvault": "11.44"}, **small) as running:
        settings = connection(running, "commvault")["spec"]["settings"]
        assert settings["hypervPassword"] == "file:secrets/hyperv"
        secret = (running.folder.root / settings["password"].removeprefix("file:")).read_text()
        answer = requests.post(
            f"{settings['server']}/commandcenter/api/Login",
            json={
                "username": settings["username"],
                "password": base64.b64encode(secret.strip().encode()).decode(),
            },
            headers={"Accept": "application/json"},
            verify=str(running.folder.root / settings["ca"]),
            timeout=10,
        )
        assert answer.json()["token"].startswith("QSDK ")
        running.operations.arm_fault("commvault-503")
        (view,) = running.status().products
        assert (view.name, view.profile, view.requests) == ("commvault", "11.44", 1)


def test_a_fault_of_a_product_that_does_not_run_is_refused(lab):
    with pytest.raises(UsageError, match="does not run"):
        lab.operations.arm_fault("veeam-503")
    with pytest.raises(UnknownNameError, match="veeam-50"):
        lab.operations.arm_fault("veeam-50")


def test_a_product_comes_back_on_its_port_with_its_state(tmp_path, small, hold):
    def look(running):
        server = running.products.get("veeam")
        return server.port, {item.id for item in server.engine.shelf.all(Repository)}

    choices = small | {"products": {"veeam": "1.3-rev1"}}
    with Lab.start(tmp_path / "lab", **choices) as running:
        port, repositories = look(running)
    hold(port)
    with Lab.start(tmp_path / "lab", **choices) as running:
        assert look(running) == (port, repositories)
    assert repositories


def test_words_for_products_are_checked():
    assert chosen_products(["veeam"]) == {"veeam": "1.3-rev1"}
    assert chosen_products(["veeam=12.3"]) == {"veeam": "12.3"}
    with pytest.raises(UsageError, match="no product 'veam'"):
        chosen_products(["veam"])
    with pytest.raises(UsageError, match="no profile '9'"):
        chosen_products(["veeam=9"])


def test_names_of_faults_are_unique_and_begin_with_their_product(capsys):
    names = [fault.name for fault in every_fault()]
    assert len(names) == len(set(names))
    for product in products():
        assert all(fault.name.startswith(f"{product.name}-") for fault in product.faults)
    assert main(["lab", "fault", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["items"]
    assert [one["name"] for one in listed] == names
