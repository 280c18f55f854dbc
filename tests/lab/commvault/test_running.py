"""Jobs on the world: levels, checkpoints, proxies, stops, restores, aging."""

from __future__ import annotations

import ntpath
from datetime import timedelta

from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.images import open_chain
from safepoint_lab.world.truth import differing_cells

NO_VSA = "no access node with the Virtual Server Agent"


def same_as_frozen(world, checkpoint, vm):
    truth = world.truth(checkpoint)
    for disk, wanted in zip(vm.disks, truth.disks, strict=True):
        with open_chain(world.storage.chain(disk)) as chain:
            assert differing_cells(wanted, chain.read_at, chain.size_bytes) == []


def merged(world):
    assert world.wait_until(lambda: not world.merges(), 20)
    return [item for vm in world.vms() for item in world.checkpoints(vm.guid)]


def newest_checkpoint(world, vm):
    return [item for item in world.truths() if item.vm == vm.guid][-1].checkpoint


def test_a_full_and_an_increment_leave_no_checkpoint_and_a_reference_point(client):
    world = client.engine.world
    group = client.group()
    full = client.backup(group)
    assert full["status"] == "Completed"
    assert full["backupLevelName"] == "Full"
    assert full["totalNumOfFiles"] == 2
    first = {item.id: item.identity for item in client.engine.points_on_hosts()}
    step = client.backup(group, "INCREMENTAL")
    assert step["backupLevelName"] == "Incremental"
    rows = client.vm_status(step["jobId"])
    assert {row["CBTStatus"] for row in rows.values()} == {"Used"}
    assert {row["Agent"] for row in rows.values()} == {node.name for node in world.nodes()}
    second = {item.id: item.identity for item in client.engine.points_on_hosts()}
    assert first.keys() == second.keys()
    assert all(first[vm] != second[vm] for vm in first)
    assert merged(world) == []


def test_the_first_backup_of_a_vm_is_full_whatever_was_asked_for(client):
    group = client.group()
    summary = client.backup(group, "INCREMENTAL")
    assert summary["backupLevelName"] == "Incremental"
    assert all(point.full for point in client.engine.points.where(lambda _: True))


def test_a_vm_on_a_node_without_the_vsa_fails_and_the_others_go_on(client):
    world = client.engine.world
    first, second = world.nodes()
    client.install(first.hostname)
    body = client.hypervisor_body(first.name)
    ident = client.post("V4/Hypervisor", body)["response"]["hypervisorId"]
    group = client.group(hypervisor=ident)
    summary = client.backup(group)
    assert summary["status"] == "Completed w/ one or more errors"
    rows = client.vm_status(summary["jobId"])
    for vm in world.vms():
        reason = rows[vm.name]["FailureReason"]
        assert (NO_VSA in reason) == (vm.node == second.name)
    assert merged(world) == []


def test_by_the_switch_another_access_node_reads_it_over_the_network(serve, client_of):
    client = client_of(serve(remote_owner=True))
    client.login()
    first = client.engine.world.nodes()[0]
    client.install(first.hostname)
    body = client.hypervisor_body(first.name)
    ident = client.post("V4/Hypervisor", body)["response"]["hypervisorId"]
    summary = client.backup(client.group(hypervisor=ident))
    assert summary["status"] == "Completed"
    rows = client.vm_status(summary["jobId"])
    assert {row["Agent"] for row in rows.values()} == {first.name}


def test_a_job_pends_while_no_access_node_is_up_and_fails_in_the_end(serve, client_of):
    client = client_of(serve(pending_seconds=20.0))
    client.login()
    group = client.group()
    world = client.engine.world
    for node in world.nodes():
        world.fail_node(node.name)
    summary = client.backup(group)
    assert summary["status"] == "Failed"
    assert "reachable" in summary["pendingReason"]


def test_a_completed_job_can_leave_its_checkpoint_behind(client):
    world = client.engine.world
    vm = world.vms()[0]
    group = client.group()
    client.server.faults.arm("commvault-leaves-checkpoint", vm=vm.name)
    assert client.backup(group)["status"] == "Completed"
    left = merged(world)
    assert [item.vm for item in left] == [vm.guid]
    assert str(left[0].type).endswith("Recovery")


def test_a_job_whose_vms_all_fail_has_failed(client):
    client.server.faults.arm("commvault-no-space", times=None)
    summary = client.backup(client.group())
    assert summary["status"] == "Failed"
    assert merged(client.engine.world) == []


def test_an_unknown_word_ends_a_job(client):
    client.server.faults.arm("commvault-unknown-status")
    assert client.backup(client.group())["status"] == "Partial Success"


def test_a_lost_reference_point_makes_an_increment_read_everything(client):
    group = client.group()
    client.backup(group)
    client.server.faults.arm("commvault-reference-point-lost", times=None)
    summary = client.backup(group, "INCREMENTAL")
    for child in client.engine.jobs.wait(summary["jobId"]).vms:
        assert child.read_bytes == child.size_bytes
        assert child.changed_blocks == ""


def test_a_lost_access_node_gives_its_vm_to_another(client):
    world = client.engine.world
    vm = world.vms()[0]
    group = client.group()
    client.server.faults.arm("commvault-access-node-lost", vm=vm.name)
    summary = client.backup(group)
    assert summary["status"] == "Completed"
    assert client.vm_status(summary["jobId"])[vm.name]["Agent"] != vm.node
    assert merged(world) == []


def test_a_synthetic_full_touches_no_host(client):
    world = client.engine.world
    group = client.group()
    client.backup(group)
    before = len(world.truths())
    summary = client.backup(group, "SYNTHETIC_FULL")
    assert summary["backupLevelName"] == "Synthetic Full"
    assert len(world.truths()) == before
    points = client.engine.points.of_vm(world.vms()[0].guid)
    assert [point.synthetic for point in points] == [False, True]
    assert points[0].disks == points[1].disks


def held(client, group):
    """Start a backup that pends until the fault is cleared; return its id."""
    client.server.faults.arm("commvault-job-pending")
    ident = int(client.post(f"V4/VmGroup/{group}/backup")["jobIds"][0])
    client.engine.jobs.wait_for(ident, lambda job: job.text == "Pending")
    return ident


def test_a_pending_job_is_killed(client):
    group = client.group()
    ident = held(client, group)
    answer = client.post(f"Job/{ident}/action/KILL")
    assert answer == {"errors": [{"errList": [{"errorCode": 0, "errLogMessage": ""}]}]}
    assert client.done({"jobIds": [ident]})["status"] == "Killed"
    again = client.post(f"Job/{ident}/action/kill")["errors"][0]["errList"][0]
    assert again["errorCode"] != 0


def test_a_job_that_is_killed_while_it_works_releases_its_checkpoints(serve, client_of):
    client = client_of(serve(vm_seconds=30.0))
    client.login()
    group = client.group()
    ident = int(client.post(f"V4/VmGroup/{group}/backup")["jobIds"][0])
    client.engine.jobs.wait_for(ident, lambda job: job.phase == "Backup")
    client.post(f"Job/{ident}/action/kill")
    assert client.done({"jobIds": [ident]})["status"] == "Killed"
    assert merged(client.engine.world) == []
    assert client.engine.points.where(lambda _: True) == []
    again = client.done(client.post(f"Job/{ident}/action/Resubmit"))
    assert again["status"] == "Completed"


def test_a_suspended_job_goes_on_where_it_was(client):
    group = client.group()
    ident = held(client, group)
    client.post(f"Job/{ident}/action/pause")
    client.engine.jobs.wait_for(ident, lambda job: job.text == "Suspended")
    client.server.faults.clear()
    client.post(f"Job/{ident}/action/resume")
    assert client.done({"jobIds": [ident]})["status"] == "Completed"


def test_a_suspension_can_be_withdrawn_before_it_has_come(serve, client_of):
    client = client_of(serve(vm_seconds=30.0))
    client.login()
    ident = int(client.post(f"V4/VmGroup/{client.group()}/backup")["jobIds"][0])
    client.engine.jobs.wait_for(ident, lambda job: job.phase == "Backup")
    client.post(f"Job/{ident}/action/pause")
    assert client.summary(ident)["status"] == "Suspend Pending"
    resumed = client.post(f"Job/{ident}/action/resume")["errors"][0]["errList"][0]
    assert resumed["errorCode"] == 0
    assert client.done({"jobIds": [ident]})["status"] == "Completed"


def test_only_one_backup_of_a_group_runs(client):
    group = client.group()
    held(client, group)
    answer = client.call("POST", f"V4/VmGroup/{group}/backup")
    assert answer.status_code == 400
    legacy = client.post(f"Subclient/{group}/action/backup", backupLevel="full")
    assert "jobIds" not in legacy
    assert legacy["errorCode"] != 0
    client.server.faults.clear()


def test_a_disabled_group_is_not_backed_up(client):
    group = client.group()
    client.call("PUT", f"V4/Subclient/{group}/Backup/Action/Disable")
    assert client.call("POST", f"V4/VmGroup/{group}/backup").status_code == 400
    client.call("PUT", f"V4/Subclient/{group}/Backup/Action/Enable")
    assert client.backup(group)["status"] == "Completed"


def test_one_vm_of_a_group_is_backed_up_alone(client):
    vm = client.engine.world.vms()[1]
    client.group()
    summary = client.done(client.post(f"V4/VirtualMachines/{vm.guid}/backup"))
    assert list(client.vm_status(summary["jobId"])) == [vm.name]


def test_a_vm_comes_back_in_place_as_it_was_frozen(client):
    world = client.engine.world
    vm = world.vms()[0]
    client.backup(client.group())
    frozen = newest_checkpoint(world, vm)
    body = {"inPlaceRestore": True, "passUnconditionalOverride": True}
    refused = client.done(client.post(f"v2/vsa/vm/{vm.guid}/recover", {"inPlaceRestore": True}))
    assert refused["status"] == "Failed"
    summary = client.done(client.post(f"v2/vsa/vm/{vm.guid}/recover", body))
    assert summary["status"] == "Completed", summary["pendingReason"]
    assert summary["jobType"] == "Restore"
    back = world.vm(vm.guid)
    assert back.power is PowerState.OFF
    same_as_frozen(world, frozen, back)


def test_a_vm_comes_back_elsewhere_under_another_name(client):
    world = client.engine.world
    vm = world.vms()[0]
    other = next(node for node in world.nodes() if node.name != vm.node)
    job = client.backup(client.group())
    frozen = newest_checkpoint(world, vm)
    place = {
        "Server": other.hostname,
        "destinationPath": ntpath.dirname(vm.config_root),
        "newName": "copy",
    }
    body = {
        "inPlaceRestore": False,
        "jobId": str(job["jobId"]),
        "powerOnVmAfterRestore": False,
        "destinationClient": {"clientName": "hvc"},
        "destinationInfo": [{"hyperv": place}],
    }
    summary = client.done(client.post(f"v2/vsa/vm/{vm.guid}/recover", body))
    assert summary["status"] == "Completed", summary["pendingReason"]
    made = world.vm_named("copy")
    assert made.node == other.name
    assert made.guid != vm.guid
    same_as_frozen(world, frozen, made)
    again = client.done(client.post(f"v2/vsa/vm/{vm.guid}/recover", body))
    assert again["status"] == "Failed"
    assert "exists already" in again["pendingReason"]


def test_a_restore_that_fails_half_way_leaves_nothing(client):
    world = client.engine.world
    vm = world.vms()[0]
    client.backup(client.group())
    client.server.faults.arm("commvault-restore-fails")
    place = {
        "Server": vm.node,
        "destinationPath": ntpath.dirname(vm.config_root),
        "newName": "copy",
    }
    body = {"inPlaceRestore": False, "destinationInfo": {"hyperv": place}}
    summary = client.done(client.post(f"v2/vsa/vm/{vm.guid}/recover", body))
    assert summary["status"] == "Failed"
    assert "copy" not in [item.name for item in world.vms()]
    root = world.host_path(ntpath.join(ntpath.dirname(vm.config_root), "copy"))
    assert not list(root.glob("*.vhdx"))


def test_what_is_told_of_vms_is_behind_the_jobs(serve, client_of):
    client = client_of(serve(vm_lag_seconds=60_000.0))
    client.login()
    group = client.group()
    client.backup(group)
    late = client.get("VM", PseudoClientId=0)["vmStatusInfoList"]
    assert {row["vmStatus"] for row in late} == {3}
    client.engine.world.advance(timedelta(seconds=601))
    rows = client.get("VM")["vmStatusInfoList"]
    assert {row["vmStatus"] for row in rows} == {1}
    assert {row["subclientId"] for row in rows} == {group}
    modern = client.get("V4/VirtualMachines")["virtualMachines"]
    assert {row["status"] for row in modern} == {"PROTECTED"}


def age(client, days):
    """Let days pass, and log in again: the session has lapsed."""
    client.engine.world.advance(timedelta(days=days))
    client.login()


def test_days_alone_age_every_point_by_its_own_start(client):
    group = client.group()
    client.backup(group)
    age(client, 20)
    client.backup(group, "INCREMENTAL")
    age(client, 11)
    left = client.engine.points.where(lambda _: True)
    assert {point.full for point in left} == {False}
    assert len(left) == 2
    age(client, 20)
    assert client.engine.points.where(lambda _: True) == []
    assert client.engine.cells.used_bytes() == 0


def test_extended_rules_keep_the_first_full_of_a_period(client):
    (plan,) = client.engine.plans.all()
    plan.days = 5
    weekly = {"type": "WEEKLY_FULLS", "retentionPeriodDays": 60}
    plan.extended = {"firstExtendedRetentionRule": weekly}
    client.engine.shelf.save(plan)
    vm = client.engine.world.vms()[0]
    group = client.group(vm.name)
    monday = 7 - client.engine.now().weekday()
    client.engine.world.advance(timedelta(days=monday))
    client.login()
    kept = client.backup(group)
    client.backup(group, "INCREMENTAL")
    client.backup(group)
    age(client, 30)
    assert [point.job_id for point in client.engine.points.of_vm(vm.guid)] == [kept["jobId"]]
    age(client, 40)
    assert client.engine.points.of_vm(vm.guid) == []


def browse(client, group, path="\\", **more):
    body = {"paths": [{"path": path}], "entity": {"subclientId": group}, **more}
    found = client.post("DoBrowse", body)["browseResponses"][0]
    return found["browseResult"]["dataResultSet"]


def test_browsing_goes_by_time_and_by_job(client):
    vm = client.engine.world.vms()[0]
    group = client.group(vm.name)
    first = client.backup(group)
    after_first = int(client.engine.now().timestamp()) + 1
    client.engine.world.advance(timedelta(minutes=5))
    second = client.backup(group, "INCREMENTAL")
    stamp = lambda rows: [row["advancedData"]["backupTime"] for row in rows]
    newest, old = (
        stamp(browse(client, group)),
        stamp(browse(client, group, timeRange={"toTime": after_first})),
    )
    assert newest > old
    by_job = {"browseAdvancedConfigBrowseByJob": {"jobId": first["jobId"]}}
    assert stamp(browse(client, group, advOptions={"advConfig": by_job})) == old
    disks = browse(client, group, f"\\{vm.guid}")
    assert [row["flags"] for row in disks] == [{"file": True}] * len(vm.disks)
    assert second["jobId"] > first["jobId"]


def test_data_does_not_age_while_that_is_off(client):
    client.backup(client.group())
    client.call("PUT", "V4/Commcell/DataAging/Action/Disable")
    age(client, 40)
    assert len(client.engine.points.where(lambda _: True)) == 2
    client.call("PUT", "V4/Commcell/DataAging/Action/Enable")
    task = {"subTask": {"subTaskType": 1, "operationType": 4018}}
    job = client.done(client.post("CreateTask", {"taskInfo": {"subTasks": [task]}}))
    assert job["jobType"] == "Data Aging"
    assert client.engine.points.where(lambda _: True) == []


def test_a_timed_switch_comes_on_again_by_itself(client):
    hypervisor = client.hypervisor()
    at = client.engine.now() + timedelta(minutes=10)
    option = {
        "activityType": 1,
        "enableActivityType": False,
        "enableAfterADelay": True,
        "dateTime": {"TimeZoneName": "UTC", "timeValue": f"{at:%Y-%m-%d %H:%M:%S}"},
    }
    control = {"clientActivityControl": {"activityControlOptions": [option]}}
    body = {"clientProperties": {"clientProps": control}}
    assert client.post(f"Client/{hypervisor}", body) == {"response": [{"errorCode": 0}]}
    group = client.group(hypervisor=hypervisor)
    assert client.call("POST", f"V4/VmGroup/{group}/backup").status_code == 400
    client.engine.world.advance(timedelta(minutes=11))
    assert client.backup(group)["status"] == "Completed"


def test_some_vms_of_a_group_are_backed_up_by_a_task(client):
    vm = client.engine.world.vms()[0]
    group = client.group()
    chosen = {"selectiveVMInfo": [{"vmGuid": vm.guid}]}
    task = {
        "subTask": {"subTaskType": 2, "operationType": 2},
        "options": {"backupOpts": {"backupLevel": 1, "vsaBackupOptions": chosen}},
    }
    info = {"associations": [{"subclientId": group}], "subTasks": [task]}
    job = client.done(client.post("CreateTask", {"taskInfo": info}))
    assert job["backupLevelName"] == "Full"
    assert list(client.vm_status(job["jobId"])) == [vm.name]


def test_days_and_cycles_keep_whole_cycles(client):
    group = client.group()
    copy = {"retentionRules": {"retainBackupDataForDays": 5, "retainBackupDataForCycles": 1}}
    client.call("PUT", "V2/Plan/1", {"storage": {"copy": [copy]}})
    client.backup(group)
    client.backup(group, "INCREMENTAL")
    age(client, 10)
    assert len(client.engine.points.where(lambda _: True)) == 4
    client.backup(group)
    assert len(client.engine.points.where(lambda _: True)) == 2
    aged = client.post("Jobs", {"jobFilter": {"showAgedJobs": True, "jobTypeList": ["Backup"]}})
    flags = [item["jobSummary"]["isAged"] for item in aged["jobs"]]
    assert flags == [False, True, True]


def test_a_restart_ends_what_ran_and_keeps_what_was_made(serve, client_of):
    server = serve()
    client = client_of(server)
    client.login()
    group = client.group()
    done = client.backup(group)["jobId"]
    ident = held(client, group)
    server.stop()
    again = client_of(serve())
    again.login()
    assert again.summary(done)["status"] == "Completed"
    assert again.summary(ident)["status"] == "Failed"
    assert again.backup(group, "INCREMENTAL")["status"] == "Completed"


def test_the_next_access_node_coordinates_when_the_first_is_down(client):
    world = client.engine.world
    first, second = world.nodes()
    group = client.group()
    world.fail_node(first.name)
    summary = client.backup(group)
    assert summary["status"] == "Completed", summary["pendingReason"]
    rows = client.vm_status(summary["jobId"])
    assert {row["Agent"] for row in rows.values()} == {second.name}


def test_a_restore_needs_an_access_node_that_answers(client):
    world = client.engine.world
    vm = world.vms()[0]
    client.backup(client.group())
    proxy = {"accessNode": {"id": 0, "name": "commserve01"}}
    body = {"inPlaceRestore": True, "overwriteVM": True, **proxy}
    summary = client.done(client.post(f"V4/VM/{vm.guid}/restore", body))
    assert summary["status"] == "Failed"
    assert "Virtual Server Agent" in summary["pendingReason"]
    assert world.vm(vm.guid).power is PowerState.RUNNING
