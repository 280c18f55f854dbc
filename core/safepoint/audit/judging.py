"""From what was seen to what to think of it. Pure: the same picture gives the same audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from safepoint.audit.chains import Chain, Chains, Layer, fold
from safepoint.audit.claims import Claims
from safepoint.audit.patience import Patience
from safepoint.audit.picture import ClusterPicture, OurRow, Picture
from safepoint.audit.report import (
    AuditFinding,
    CheckpointAudit,
    Evidence,
    Owner,
    OwnerKind,
    ShareReport,
    Subject,
)
from safepoint.audit.risks import Room, risk_of
from safepoint.audit.verdicts import Fact, verdict_of
from safepoint.lifecycle import CheckpointState
from safepoint.models.checkpoints import Checkpoint, CheckpointKind
from safepoint.models.refs import Ref
from safepoint.models.storage import DiskFile, DiskFileKind
from safepoint.models.workloads import Activity, Workload

__all__ = ["judge"]

_DAY: Final = 86400.0
#: A file younger than this says nothing about growth.
_LEAST_AGE_SECONDS: Final = 600.0
_AUTO_RECOVERY: Final = "-autorecovery.avhdx"


def judge(picture: Picture, patience: Patience, now: datetime) -> CheckpointAudit:
    """Return the audit of a picture: every checkpoint, chain and stray file, each with a verdict.

    Args:
        picture: What was seen.
        patience: How long something may last before it counts as left behind.
        now: The moment that ages are counted to.
    """
    findings: list[AuditFinding] = []
    shares: list[ShareReport] = []
    for cluster in picture.clusters:
        bench = _Bench.of(cluster, picture, patience, now)
        shares += bench.shares.values()
        findings += bench.findings()
    return CheckpointAudit(
        began_at=picture.began_at,
        clusters=tuple(cluster.name for cluster in picture.clusters),
        vms=sum(len(cluster.workloads) for cluster in picture.clusters),
        nodes=sum(cluster.nodes for cluster in picture.clusters),
        checkpoints=sum(len(cluster.checkpoints) for cluster in picture.clusters),
        files=sum(len(cluster.files) for cluster in picture.clusters),
        findings=tuple(findings),
        shares=tuple(shares),
        unread=picture.unread,
    )


@dataclass
class _Bench:
    """Judges one cluster."""

    cluster: ClusterPicture
    patience: Patience
    now: datetime
    chains: Chains
    claims: Claims
    ours: tuple[OurRow, ...]
    shares: dict[str, ShareReport]

    @classmethod
    def of(
        cls, cluster: ClusterPicture, picture: Picture, patience: Patience, now: datetime
    ) -> _Bench:
        """Prepare what all findings of the cluster need."""
        chains = Chains(cluster)
        ours = tuple(one for one in picture.ours if one.row.connection == cluster.connection)
        claims = Claims(cluster.checkpoints, ours, picture.products, now)
        bench = cls(cluster, patience, now, chains, claims, ours, {})
        bench.shares = {fold(one.path): one for one in bench._share_reports()}
        return bench

    def findings(self) -> Iterator[AuditFinding]:
        """Yield everything that was found, VM by VM, then files."""
        machines = {one.ref: one for one in self.cluster.workloads}
        for checkpoint in self.cluster.checkpoints:
            yield self._checkpoint(checkpoint, machines.get(checkpoint.workload))
        for chain in self.chains.all:
            if chain.unexplained and chain.workload.ref not in self.cluster.settled:
                yield self._chain(chain)
        if self.cluster.has_files:
            for file in self.chains.strays():
                yield self._stray(file)

    # -- checkpoints ------------------------------------------------------------------------------

    def _checkpoint(self, checkpoint: Checkpoint, machine: Workload | None) -> AuditFinding:
        claim = self.claims.of(checkpoint)
        age = self.now - checkpoint.created_at
        facts = {Fact.CHECKPOINT, *claim.facts}
        if checkpoint.kind is CheckpointKind.BACKUP:
            facts.add(Fact.BACKUP)
        if age > self._patience_with(facts):
            facts.add(Fact.OLD)
        files = self.chains.of_checkpoint(checkpoint)
        frozen = checkpoint.disks[0].path if checkpoint.disks else ""
        return self._finding(
            facts,
            Subject.CHECKPOINT,
            vm=checkpoint.workload_name,
            workload=checkpoint.workload,
            node=checkpoint.node or (machine.node if machine else ""),
            name=checkpoint.name,
            kind=checkpoint.kind.value,
            checkpoint=checkpoint.ref,
            since=checkpoint.created_at,
            files=files,
            place=files[0].path if files else frozen,
            owner=claim.owner,
        )

    def _patience_with(self, facts: set[Fact]) -> timedelta:
        if Fact.KEEPS_ONE in facts:
            return self.patience.steady
        if Fact.PERSON in facts:
            return self.patience.person
        return self.patience.backup

    # -- chains -----------------------------------------------------------------------------------

    def _chain(self, chain: Chain) -> AuditFinding:
        machine, layers = chain.workload, chain.unexplained
        since = self._since(layers)
        facts = {Fact.CHAIN}
        if machine.activity is Activity.MERGING:
            facts.add(Fact.MERGING)
        if machine.is_test_copy:
            facts.add(Fact.TEST_COPY)
        is_known = since is not None
        is_still = since is not None and self.now - since > self.patience.merge
        # Without a date, the word of the hypervisor is all there is: it says nothing of merging.
        if is_still or (not is_known and Fact.MERGING not in facts):
            facts.add(Fact.STILL)
        files = [layer.file for layer in layers if layer.file is not None]
        return self._finding(
            facts,
            Subject.CHAIN,
            vm=machine.name,
            workload=machine.ref,
            node=machine.node,
            name=chain.disk.name,
            kind="differencing",
            since=since,
            files=files,
            paths=tuple(layer.path for layer in layers),
            place=chain.disk.path,
            owner=self._owner_of_chain(machine, layers),
        )

    def _since(self, layers: Iterable[Layer]) -> datetime | None:
        """Return when anything last moved below: a frozen file is written to only by a merge."""
        below = [self.chains.file(layer.parent) for layer in layers if layer.parent]
        times = [one.modified_at for one in below if one is not None and one.modified_at]
        return max(times, default=None)

    def _owner_of_chain(self, machine: Workload, layers: Iterable[Layer]) -> Owner:
        if machine.is_test_copy:
            evidence = Evidence(source="type", text="a VM that a test failover made")
            return Owner(kind=OwnerKind.HYPERVISOR, name="Hyper-V Replica", evidence=(evidence,))
        for one in self.ours:
            if one.row.workload == machine.ref and one.row.state is CheckpointState.MERGING:
                text = f"our journal waits for the merge of {one.row.name!r}"
                evidence = Evidence(source="journal", text=text)
                return Owner(kind=OwnerKind.OURS, name="safepoint", evidence=(evidence,))
        if any(layer.path.casefold().endswith(_AUTO_RECOVERY) for layer in layers):
            text = "the file is named as those of backup checkpoints"
            evidence = Evidence(source="file", text=text)
            name = "a backup product that cannot be told"
            return Owner(kind=OwnerKind.UNKNOWN, name=name, evidence=(evidence,))
        return Owner(kind=OwnerKind.UNKNOWN, name="unknown")

    # -- files ------------------------------------------------------------------------------------

    def _stray(self, file: DiskFile) -> AuditFinding:
        facts = {Fact.FILE}
        if file.kind is DiskFileKind.TRACKING:
            facts.add(Fact.TRACKING)
        if file.modified_at is None or self.now - file.modified_at > self.patience.stray:
            facts.add(Fact.OLD)
        told = file.problem or (f"it stands on {file.parent}" if file.parent else "")
        evidence = (Evidence(source="file", text=told),) if told else ()
        return self._finding(
            facts,
            Subject.FILE,
            name=file.path,
            kind=file.kind.value,
            since=file.modified_at,
            files=[file],
            place=file.path,
            owner=Owner(kind=OwnerKind.UNKNOWN, name="unknown", evidence=evidence),
        )

    # -- all of them ------------------------------------------------------------------------------

    def _finding(  # noqa: PLR0913 - one parameter a field of the finding
        self,
        facts: set[Fact],
        subject: Subject,
        *,
        name: str,
        kind: str,
        since: datetime | None,
        files: Iterable[DiskFile],
        place: str,
        owner: Owner,
        vm: str = "",
        workload: Ref | None = None,
        node: str = "",
        checkpoint: Ref | None = None,
        paths: tuple[str, ...] = (),
    ) -> AuditFinding:
        rule = verdict_of(frozenset(facts))
        held = tuple(files)
        share = self._share_of(place)
        reclaimable = sum(one.size_bytes for one in held)
        depth = self.chains.depths.get(workload, 0) if workload is not None else 0
        room = Room(
            free_bytes=share.free_bytes if share else None,
            reclaimable_bytes=reclaimable if subject is not Subject.FILE else 0,
            days_left=share.days_left if share else None,
            chain_depth=depth,
        )
        words = {"vm": vm, "name": name, "cluster": self.cluster.name}
        return AuditFinding(
            subject=subject,
            cluster=self.cluster.name,
            share=share.path if share else "",
            vm=vm,
            workload=workload,
            node=node,
            name=name,
            kind=kind,
            checkpoint=checkpoint,
            since=since,
            age_seconds=max(0, int((self.now - since).total_seconds())) if since else None,
            files=paths or tuple(one.path for one in held),
            chain_depth=depth,
            reclaimable_bytes=reclaimable if self.cluster.has_files else None,
            owner=owner,
            verdict=rule.verdict,
            rule=rule.id,
            risk=risk_of(room),
            next_step=rule.next_step.format(product=_asked(owner), **words),
            facts=tuple(sorted(facts)),
        )

    def _share_of(self, path: str) -> ShareReport | None:
        folded = fold(path)
        matching = [
            root for root in self.shares if folded == root or folded.startswith(root + "\\")
        ]
        return self.shares[max(matching, key=len)] if matching else None

    def _share_reports(self) -> Iterator[ShareReport]:
        ages = self._ages()
        for space in self.cluster.spaces:
            root = fold(space.path) + "\\"
            on_it = [one for one in self.cluster.files if fold(one.path).startswith(root)]
            total = sum(f.size_bytes for f in on_it if f.kind is DiskFileKind.DIFFERENCING)
            growth = sum(
                f.size_bytes / ages[fold(f.path)] * _DAY for f in on_it if fold(f.path) in ages
            )
            days = None
            if space.free_bytes is not None and growth >= 1:
                days = space.free_bytes / growth
            yield ShareReport(
                cluster=self.cluster.name,
                path=space.path,
                free_bytes=space.free_bytes,
                differencing_bytes=total,
                growth_bytes_per_day=int(growth),
                days_left=days,
                problem=space.problem,
            )

    def _ages(self) -> dict[str, float]:
        """Return the age in seconds of every differencing file in use, where it is known."""
        ages: dict[str, float] = {}
        for chain in self.chains.all:
            for layer in chain.layers:
                since = (
                    layer.checkpoint.created_at
                    if layer.checkpoint is not None
                    else self._since((layer,))
                )
                if since is not None:
                    age = max(_LEAST_AGE_SECONDS, (self.now - since).total_seconds())
                    ages[fold(layer.path)] = age
        return ages


def _asked(owner: Owner) -> str:
    """Return whom a person has to ask, as the next safe step says it."""
    return owner.name if owner.kind is OwnerKind.PRODUCT else "your backup product"
