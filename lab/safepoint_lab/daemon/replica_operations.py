"""What can be asked of a running lab about Hyper-V Replica and the lab's clock."""

from __future__ import annotations

from datetime import timedelta

from safepoint.errors import UsageError
from safepoint_lab.daemon.views import CertificateView, ReplicaView
from safepoint_lab.world.model import Vm
from safepoint_lab.world.replication.records import Replication
from safepoint_lab.world.world import World

__all__ = ["ReplicaOperations"]

_LONGEST = timedelta(days=31)


class ReplicaOperations:
    """Relationships as both sides have them, and the clock that drives their cycles."""

    _world: World

    def replicas(self, vm: str = "") -> list[ReplicaView]:
        """Return every side of every relationship, of one VM (on all its hosts) or of all."""
        with self._world.lock:
            guid = self._world.vm_named(vm).guid if vm else ""
            return [
                self._replica_view(each, record)
                for each in self._world.vms()
                if not guid or each.guid == guid
                for record in self._world.replication.of(each)
            ]

    def certificates(self) -> list[CertificateView]:
        """Return the certificate of every site."""
        with self._world.lock:
            return [
                CertificateView(
                    site=each.name, thumbprint=self._world.replication.thumbprint(each.nodes[0])
                )
                for each in self._world.clusters()
            ]

    def advance(self, seconds: float) -> int:
        """Move the lab's clock forward; return how many replication cycles ran on the way."""
        span = timedelta(seconds=seconds)
        if not timedelta(0) < span <= _LONGEST:
            message = f"the clock cannot be moved by {seconds} seconds"
            raise UsageError(message, hint="Move it forward, by 31 days at most.")
        return self._world.advance(span)

    def _replica_view(self, vm: Vm, record: Replication) -> ReplicaView:
        replication = self._world.replication
        partner = replication.partner_vm(record)
        return ReplicaView(
            vm=vm.name,
            cluster=vm.cluster,
            node=vm.node,
            power=vm.power.name.lower(),
            index=record.index,
            sends=record.sends,
            mode=replication.mode(vm).name.lower(),
            state=record.state.name.lower().replace("_", "-"),
            health=replication.health(record).name.lower(),
            partner=partner.cluster if partner is not None else "",
            interval_seconds=record.settings.interval_seconds,
            last_at=record.last_at,
            waiting_bytes=replication.waiting_bytes(record),
            points=0 if record.sends else len(replication.points(vm)),
            problem=record.problem,
        )
