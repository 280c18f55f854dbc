# ruff: noqa: INP001  (a script beside its page, no module)
r"""Record what one Hyper-V host answers to safepoint, for replay in tests.

    export HYPERV_PASSWORD=…
    python record_host.py https://hv01.corp.example:5986/wsman 'CORP\svc-backup' OUT --ca ca.pem
    python record_host.py … OUT --ca ca.pem --vm test01     also makes and deletes a checkpoint

Without --vm nothing is changed on the host. The password, the address, the user name and the names
given with --hide are replaced in every file. Read the files before you pass them on.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from safepoint.models.checkpoints import MergeState, OperationState
from safepoint_native.auth import AuthKind
from safepoint_native.cim import CimClient, Login, PywinrmTransport, Trust
from safepoint_native.cim.recorder import RecordingTransport
from safepoint_native.hyperv.checkpoints import (
    created_checkpoint,
    list_checkpoints,
    start_create_recovery,
    start_delete,
    start_rename,
)
from safepoint_native.hyperv.cluster import read_cluster
from safepoint_native.hyperv.configuration import capture_configuration
from safepoint_native.hyperv.hosts import probe_host
from safepoint_native.hyperv.inventory import list_machines
from safepoint_native.hyperv.jobs import Started, look_at_job
from safepoint_native.hyperv.merges import look_at_merge
from safepoint_native.nodes import endpoint_of

PAUSE_SECONDS = 1.0
DEADLINE_SECONDS = 900.0


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")


def open_host(given: argparse.Namespace) -> CimClient:
    """Return a client whose conversation is written down."""
    password = os.environ.get("HYPERV_PASSWORD") or sys.exit("set HYPERV_PASSWORD first")
    endpoint = endpoint_of(given.address)
    user = given.user.rpartition("\\")[2]
    names = {endpoint.host: "host.example", given.user: "CORP\\user", user: "user"}
    names |= {name: f"hidden{number}" for number, name in enumerate(given.hide)}
    transport = RecordingTransport(
        PywinrmTransport(
            endpoint,
            Login(AuthKind(given.auth), given.user, password),
            Trust(ca_path=given.ca, fingerprint=given.fingerprint),
        ),
        given.folder,
        replace=names,
        secrets=(password,),
    )
    return CimClient(transport, node="host", address=endpoint.url)


def record_reads(client: CimClient) -> dict[str, str]:
    """Ask everything that an inventory asks; return VM name → id."""
    facts = probe_host(client, now=lambda: datetime.now(UTC))
    say(f"Windows {facts.version} build {facts.build}, may manage Hyper-V: {facts.can_manage}")
    cluster = read_cluster(client)
    say(f"cluster: {'none' if cluster is None else len(cluster.nodes)} nodes")
    machines = list_machines(client)
    say(f"{len(machines)} VMs, {len(list_checkpoints(client))} checkpoints")
    for machine in machines[:3]:
        capture_configuration(client, machine.id)
    return {machine.name: machine.id for machine in machines}


def follow(client: CimClient, started: Started) -> None:
    """Wait until a job has ended; its failure is recorded and raised."""
    end = time.monotonic() + DEADLINE_SECONDS
    while started.job is not None:
        look = look_at_job(client, started.job, operation=started.operation)
        if look.error is not None:
            raise look.error
        if look.state is not OperationState.RUNNING:
            return
        if time.monotonic() > end:
            message = f"{started.operation} did not end"
            raise TimeoutError(message)
        time.sleep(PAUSE_SECONDS)


def record_checkpoint(client: CimClient, vm_id: str) -> None:
    """Make a recovery checkpoint, name it, delete it, wait for the merge."""
    before = [one.id for one in list_checkpoints(client, vm_id)]
    started = start_create_recovery(client, vm_id, application_consistent=True)
    follow(client, started)
    made = created_checkpoint(client, started, vm_id=vm_id, before=before)
    say(f"made checkpoint {made}")
    try:
        follow(client, start_rename(client, made, "safepoint recording - delete me"))
        list_checkpoints(client, vm_id)
        capture_configuration(client, made)
    finally:
        follow(client, start_delete(client, made))
    end = time.monotonic() + DEADLINE_SECONDS
    while look_at_merge(client, vm_id).state not in {MergeState.MERGED, MergeState.HELD}:
        if time.monotonic() > end:
            message = "deleted, but not merged yet"
            raise TimeoutError(message)
        time.sleep(PAUSE_SECONDS)
    say("deleted and merged")


def main() -> None:
    """Record one host."""
    parser = argparse.ArgumentParser(description="Record what a Hyper-V host answers.")
    parser.add_argument("address")
    parser.add_argument("user")
    parser.add_argument("folder", type=Path, help="an empty folder for the recording")
    parser.add_argument("--auth", default="ntlm", choices=[kind.value for kind in AuthKind])
    parser.add_argument("--ca", default="")
    parser.add_argument("--fingerprint", default="")
    parser.add_argument("--vm", default="", help="a test VM to make a checkpoint of")
    parser.add_argument("--hide", action="append", default=[], help="a name to replace")
    given = parser.parse_args()
    client = open_host(given)
    try:
        machines = record_reads(client)
        if given.vm:
            record_checkpoint(client, machines[given.vm])
    finally:
        client.close()
    say(f"{client.request_count} requests are in {given.folder}")


if __name__ == "__main__":
    main()
