"""`safepoint lab …`: one file a command; heavy imports only inside the commands."""

from __future__ import annotations

import typer

from safepoint_lab.cli import (
    cmd_compare,
    cmd_down,
    cmd_fault,
    cmd_guest,
    cmd_node,
    cmd_replicas,
    cmd_status,
    cmd_up,
    cmd_vm,
)

__all__ = ["app"]

app = typer.Typer(
    help="A simulated Hyper-V estate on this machine: real servers, real disks, real faults.",
    no_args_is_help=True,
)
app.command("up")(cmd_up.up)
app.command("down")(cmd_down.down)
app.command("status")(cmd_status.status)
app.command("fault")(cmd_fault.fault)
app.command("guest")(cmd_guest.guest)
app.command("vm")(cmd_vm.vm)
app.command("node")(cmd_node.node)
app.command("compare")(cmd_compare.compare)
app.command("replicas")(cmd_replicas.replicas)
app.command("certificates")(cmd_replicas.certificates)
app.command("advance")(cmd_replicas.advance)
