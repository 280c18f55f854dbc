"""A lab in this process: world, shares, one WS-Man server a node and scheme, estate file."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from safepoint.errors import UsageError
from safepoint_lab.choices import Scenario, Scheme
from safepoint_lab.daemon.config import DOMAIN, USERNAME, LabConfig, NodePorts
from safepoint_lab.daemon.estate import EstateWriter
from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.operations import LabOperations
from safepoint_lab.daemon.rack import ProductRack
from safepoint_lab.daemon.tls import LabTls
from safepoint_lab.daemon.views import LabStatus, NodeView
from safepoint_lab.hyperv import HyperVWire
from safepoint_lab.products.port import SecretFile, Surroundings
from safepoint_lab.scenes import SCENES
from safepoint_lab.smb import ShareServing, open_shares
from safepoint_lab.smb.samba import SambaSetup
from safepoint_lab.smb.serving import FolderServing
from safepoint_lab.world.building import build_estate
from safepoint_lab.world.enums import PowerState
from safepoint_lab.world.model import Node
from safepoint_lab.world.timings import Timings
from safepoint_lab.world.world import World
from safepoint_lab.wsman import Account, AccountBook, WsmanServer

__all__ = ["Lab"]

_log = logging.getLogger(__name__)
_CHANGEABLE = frozenset(
    {"scheme", "smb", "smb_encrypt", "speed", "smb_port", "ports", "products", "built"}
)


class Lab:
    """A running lab; make it with `start`, end it with `stop` (or use it in ``with``).

    ``lab.operations`` asks and orders, ``lab.world`` is behind it, ``lab.estate`` is the file
    for safepoint.
    """

    def __init__(self, folder: LabFolder, config: LabConfig, lock: FileLock) -> None:
        self.folder = folder
        self.config = config
        self._lock = lock
        self._servers: list[tuple[str, WsmanServer]] = []
        self._accounts = AccountBook([Account(USERNAME, self.password, domain=DOMAIN)])
        self.world = World.open(
            folder.world, Timings(speed=config.speed), share_root=folder.shares
        )
        self.wire = HyperVWire(self.world, self._accounts)
        self.products = ProductRack()
        self.operations = LabOperations(self.world, self.wire, self.products)
        self.shares: ShareServing = FolderServing("not started")

    @classmethod
    def start(cls, folder: str | os.PathLike[str], **choices: Any) -> Self:
        """Start the lab in a folder, as it was left, or a new one.

        Args:
            folder: The lab's folder.
            choices: Fields of `LabConfig`. For a lab that exists, those of its structure must
                be what they were.

        Raises:
            UsageError: Another process runs it, or the choices do not fit it.
            UnsupportedError: Samba was demanded and does not work here.
        """
        place = LabFolder.at(folder)
        place.prepare()
        lock = FileLock(place.lock)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            message = f"the lab in {place.root} runs already"
            raise UsageError(message, hint="`safepoint lab status` shows it.") from error
        try:
            config = _configure(place, choices)
            if not config.built:
                _build(place, config)
            lab = cls(place, config, lock)
            lab._serve()
        except BaseException:
            lock.release()
            raise
        return lab

    @property
    def estate(self) -> Path:
        """The estate file for safepoint."""
        return self.folder.estate

    @property
    def username(self) -> str:
        """The one account, with its domain."""
        return f"{DOMAIN}\\{USERNAME}"

    @property
    def password(self) -> str:
        """The account's password."""
        return self.folder.password.read_text(encoding="utf-8").strip()

    def url(self, node: str) -> str:
        """Return the endpoint of a node that the estate file names."""
        place = self.world.node(node)
        https = self.config.scheme is Scheme.HTTPS
        port = place.https_port if https else place.http_port
        return f"{self.config.scheme}://{place.address}:{port}/wsman"

    def status(self) -> LabStatus:
        """Return the lab as a whole."""
        with self.world.lock:
            vms = self.world.vms()
            running = sum(vm.power is PowerState.RUNNING for vm in vms)
            open_checkpoints = sum(len(self.world.checkpoints(vm.key)) for vm in vms)
            nodes = tuple(self._node_view(node) for node in self.world.nodes())
        return LabStatus(
            folder=str(self.folder.root),
            estate=str(self.estate),
            pid=os.getpid(),
            seed=self.config.seed,
            shares=self.shares.note,
            nodes=nodes,
            products=self.products.views(),
            vms=len(vms),
            running=running,
            checkpoints=open_checkpoints,
            merges=len(self.world.merges()),
            faults=tuple(self.operations.faults()),
            requests=self.wire.calls.request_count,
            problems=tuple(str(error) for error in self.world.scheduler.failures),
        )

    def stop(self) -> None:
        """Stop everything; the lab can be started again as it is. May be called twice."""
        if not self._lock.is_locked:
            return
        self.products.stop()
        for _, server in self._servers:
            server.stop()
        self._servers.clear()
        self.shares.stop()
        self.world.stop()
        self._accounts.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        try:
            self._serve_shares()
            scene = SCENES.get(self.config.scenario)
            if scene is not None:
                scene.arm(self.world)
            self.world.start()
            if scene is not None and not self.folder.planted.exists():
                scene.plant(self.world)
                self.folder.planted.touch()
            if scene is not None:
                scene.fill(self.world)
            tls = LabTls(self.folder.tls)
            tls.ensure(node.hostname for node in self.world.nodes())
            for node in self.world.nodes():
                self._serve_node(node, tls)
            self._serve_products(tls)
            self._remember_ports()
            self._write_estate()
        except BaseException:
            self.stop()
            raise

    def _serve_shares(self) -> None:
        setup = SambaSetup(
            folder=self.folder.smb,
            username=USERNAME,
            password_file=self.folder.password,
            shares=self.world.shares.shares(),
            encrypt=self.config.smb_encrypt,
            port=self.config.smb_port,
        )
        self.shares = open_shares(self.config.smb, setup)
        self.world.shares.on_cut = self.shares.cut
        self.world.shares.on_room = self.shares.tell_room

    def _serve_node(self, node: Node, tls: LabTls) -> None:
        """Listen on the ports the node had, or on free ones when they are taken now."""
        ports = self.config.ports.get(node.name, NodePorts())
        context = tls.server_context()
        for name, wanted in (("https", ports.https), ("http", ports.http)):
            secured = {"tls": context} if name == "https" else {"allow_unencrypted": False}
            try:
                server = self.wire.server(node.name, port=wanted, **secured)
            except OSError:
                _log.warning("port %d of %s is taken, another one is used", wanted, node.name)
                server = self.wire.server(node.name, **secured)
            server.start()
            self._servers.append((name, server))
            setattr(node, f"{name}_port", server.port)

    def _serve_products(self, tls: LabTls) -> None:
        for name, profile in self.config.products.items():
            around = Surroundings(
                world=self.world,
                folder=self.folder.product(name),
                tls=tls,
                profile=profile,
                port=self.config.product_ports.get(name, 0),
                speed=self.config.speed,
                username=self.username,
                password=SecretFile(self.folder.password),
                secret=lambda name: SecretFile(self.folder.secret(name)),
            )
            self.products.start(name, around)

    def _remember_ports(self) -> None:
        self.config.product_ports |= self.products.ports()
        self.config.ports = {
            node.name: NodePorts(http=node.http_port, https=node.https_port)
            for node in self.world.nodes()
        }
        shares = self.world.shares.shares()
        if shares:
            self.config.smb_port = self.shares.access(shares[0]).port
        self.config.save(self.folder.config)

    def _write_estate(self) -> None:
        EstateWriter(self.folder, self.config).write(
            list(self.world.clusters()),
            {node.name: node for node in self.world.nodes()},
            {share.unc: self.shares.access(share) for share in self.world.shares.shares()},
            self.products.settings(),
        )

    def _node_view(self, node: Node) -> NodeView:
        return NodeView(
            name=node.name,
            cluster=node.cluster,
            state=node.state.name.lower(),
            url=self.url(node.name),
            vms=len(self.world.vms(node=node.name)),
            requests=self.wire.calls.requests_of(node.name),
        )


def _configure(place: LabFolder, choices: dict[str, Any]) -> LabConfig:
    """Return the configuration of the lab: what is kept, or a new one by the choices."""
    kept = LabConfig.load(place.config)
    if kept is None:
        config = LabConfig.choose(_with_structure(choices))
        config.save(place.config)
        return config
    wanted = LabConfig.choose({**kept.model_dump(), **choices})
    for name in choices:
        if name not in _CHANGEABLE and getattr(wanted, name) != getattr(kept, name):
            message = (
                f"the lab in {place.root} was made with {name}={getattr(kept, name)}, "
                f"not {getattr(wanted, name)}"
            )
            raise UsageError(message, hint="Leave the option out, or choose another folder.")
    return wanted


def _with_structure(choices: dict[str, Any]) -> dict[str, Any]:
    """Return the choices with those that their scenario needs; UsageError when they differ."""
    scene = SCENES.get(choices.get("scenario", Scenario.BACKUP))
    if scene is None:
        return choices
    for field, value in scene.structure.items():
        if choices.get(field, value) != value:
            message = f"scenario {choices['scenario']} needs {field}={value}, not {choices[field]}"
            raise UsageError(message, hint="Leave the option out.")
    return {**scene.structure, **choices}


def _build(place: LabFolder, config: LabConfig) -> None:
    """Make the estate; what an interrupted attempt left is removed first."""
    for folder in (place.world, place.shares):
        shutil.rmtree(folder, ignore_errors=True)
    world = World.open(place.world)
    try:
        build_estate(world.registry, world.storage, config.plan(), place.shares)
    finally:
        world.close()
    config.built = True
    config.save(place.config)
