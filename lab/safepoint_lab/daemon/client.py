"""Talking to a lab that runs in another process."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter

from safepoint.errors import SafepointError, UnknownNameError, UnreachableError, UsageError
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.views import (
    CallCounts,
    CertificateView,
    CheckpointView,
    FaultView,
    GuestView,
    LabStatus,
    ReplicaView,
    VmView,
)
from safepoint_lab.world.truth import CheckpointTruth

__all__ = ["LabClient"]

T = TypeVar("T")
_TIMEOUT_SECONDS = 120.0
_KINDS = {kind.code: kind for kind in (UsageError, UnknownNameError)}


class LabClient:
    """Asks the lab that runs in a folder; the methods are those of `LabOperations`.

    Raises:
        UnreachableError: No lab runs there (any call).
        UsageError: The lab cannot do what was asked.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = LabFolder.at(folder)

    def status(self) -> LabStatus:
        """Return the lab as a whole."""
        return self._ask(LabStatus, "status")

    def stop(self) -> int:
        """Ask the lab to stop and return its process id; it ends soon after."""
        pid = self._facts()["pid"]
        self._ask(type(None), "stop")
        return int(pid)

    def vms(self) -> list[VmView]:
        """Return every VM as the hosts have it now."""
        return self._ask(list[VmView], "vms")

    def vm(self, name: str) -> VmView:
        """Return one VM by name or GUID."""
        return self._ask(VmView, "vm", name=name)

    def checkpoints(self, vm: str = "") -> list[CheckpointView]:
        """Return the checkpoints that exist now, of one VM or of all."""
        return self._ask(list[CheckpointView], "checkpoints", vm=vm)

    def truths(self, vm: str = "") -> list[CheckpointTruth]:
        """Return what every checkpoint ever made froze."""
        return self._ask(list[CheckpointTruth], "truths", vm=vm)

    def truth(self, checkpoint: str) -> CheckpointTruth:
        """Return what a checkpoint froze, by GUID or name."""
        return self._ask(CheckpointTruth, "truth", checkpoint=checkpoint)

    def compare_vm(self, checkpoint: str, vm: str) -> dict[str, list[int]]:
        """Return where the disks of a VM (off) differ from what a checkpoint froze."""
        return self._ask(dict[str, list[int]], "compare_vm", checkpoint=checkpoint, vm=vm)

    def compare_file(self, checkpoint: str, slot: str, path: str) -> list[int]:
        """Return where a VHDX file differs from what a checkpoint froze of one disk."""
        where = {"checkpoint": checkpoint, "slot": slot, "path": str(path)}
        return self._ask(list[int], "compare_file", **where)

    def inspect(self, vm: str) -> GuestView:
        """Look into a guest."""
        return self._ask(GuestView, "inspect", vm=vm)

    def read_file(self, vm: str, path: str) -> str:
        """Read a text file of a guest."""
        return self._ask(str, "read_file", vm=vm, path=path)

    def write_file(self, vm: str, path: str, text: str) -> None:
        """Write a text file in a guest."""
        self._ask(type(None), "write_file", vm=vm, path=path, text=text)

    def patch(self, vm: str, version: str = "4.3.0-bad") -> None:
        """Install a bad patch in a guest."""
        self._ask(type(None), "patch", vm=vm, version=version)

    def damage(self, vm: str) -> None:
        """Destroy the data of a guest's application."""
        self._ask(type(None), "damage", vm=vm)

    def power(self, vm: str, action: str) -> str:
        """Switch a VM and return its state; see `LabOperations.power`."""
        return self._ask(str, "power", vm=vm, action=action)

    def migrate(self, vm: str, to_node: str = "") -> str:
        """Live-migrate a VM and return its new node."""
        return self._ask(str, "migrate", vm=vm, to_node=to_node)

    def fail_node(self, node: str) -> None:
        """Crash a node."""
        self._ask(type(None), "fail_node", node=node)

    def restore_node(self, node: str) -> None:
        """Bring a node back."""
        self._ask(type(None), "restore_node", node=node)

    def arm_fault(
        self,
        name: str,
        *,
        node: str = "",
        vm: str = "",
        operation: str = "",
        times: int | None = 1,
        skip: int = 0,
        parameters: Mapping[str, str] | None = None,
    ) -> FaultView:
        """Arm a fault of the catalogue."""
        filters = {"node": node, "vm": vm, "operation": operation, "times": times, "skip": skip}
        given = dict(parameters or {})
        return self._ask(FaultView, "arm_fault", name=name, **filters, parameters=given)

    def clear_fault(self, name: str = "") -> int:
        """Disarm a fault (all when empty); return how many were armed."""
        return self._ask(int, "clear_fault", name=name)

    def faults(self) -> list[FaultView]:
        """Return the faults that are armed."""
        return self._ask(list[FaultView], "faults")

    def replicas(self, vm: str = "") -> list[ReplicaView]:
        """Return every side of every relationship, of one VM or of all."""
        return self._ask(list[ReplicaView], "replicas", vm=vm)

    def certificates(self) -> list[CertificateView]:
        """Return the certificate of every site."""
        return self._ask(list[CertificateView], "certificates")

    def advance(self, seconds: float) -> int:
        """Move the lab's clock forward; return how many replication cycles ran on the way."""
        return self._ask(int, "advance", seconds=seconds)

    def calls(self) -> CallCounts:
        """Return how many requests the nodes' servers answered."""
        return self._ask(CallCounts, "calls")

    def clear_calls(self) -> None:
        """Start counting requests anew."""
        self._ask(type(None), "clear_calls")

    def wait_merged(self, vm: str = "", timeout_seconds: float = 30.0) -> bool:
        """Wait until no merge is due; False when time is up."""
        return self._ask(bool, "wait_merged", vm=vm, timeout_seconds=timeout_seconds)

    def _ask(self, kind: type[T], method: str, **arguments: Any) -> T:
        answer = self._post({"method": method, "arguments": arguments})
        if "error" in answer:
            error = answer["error"]
            raise _KINDS.get(error["code"], SafepointError)(error["message"], hint=error["hint"])
        return TypeAdapter(kind).validate_python(answer["result"])

    def _post(self, request: dict[str, Any]) -> dict[str, Any]:
        facts = self._facts()
        connection = http.client.HTTPConnection(
            "127.0.0.1", int(facts["port"]), timeout=_TIMEOUT_SECONDS
        )
        headers = {
            "Authorization": f"Bearer {facts['token']}",
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", "/", json.dumps(request).encode(), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            message = f"the lab in {self.folder.root} does not answer: {error}"
            raise UnreachableError(message, hint=self._hint) from error
        finally:
            connection.close()
        return answer

    def _facts(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = json.loads(self.folder.control.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            message = f"no lab runs in {self.folder.root}"
            raise UnreachableError(message, hint=self._hint) from error
        return facts

    @property
    def _hint(self) -> str:
        return f"Start it: safepoint lab up --dir {self.folder.root}"
