"""The tables, the same on every database."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

__all__ = [
    "SCHEMA_VERSION",
    "audit_entry",
    "checkpoint",
    "checkpoint_event",
    "executor",
    "lease",
    "metadata",
    "observation",
    "operation",
    "operation_event",
    "product_run",
    "replica_deed",
    "replica_step",
    "restore_point",
    "run",
    "schema_version",
    "task",
]

#: Raised when a table changes that files may have; one that is new is added to an older file, and a
#: newer file is refused.
SCHEMA_VERSION: Final = 1

metadata = sa.MetaData()

schema_version = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer))

#: One row per process that ever worked. Whether it lives is told by its lock file.
executor = sa.Table(
    "executor",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
)

#: Mutual exclusion with fencing. A row is never deleted, so its epoch only grows.
lease = sa.Table(
    "lease",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("holder", sa.String),
    sa.Column("purpose", sa.String, nullable=False, default=""),
    sa.Column("taken_at", sa.String),
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("job", sa.String, nullable=False),
    sa.Column("connection", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("executor", sa.String, nullable=False),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, default=False),
    sa.Column("requested_at", sa.String, nullable=False),
    sa.Column("started_at", sa.String),
    sa.Column("ended_at", sa.String),
    sa.Index("run_by_time", "requested_at"),
)

#: One row per VM in a run; `record` is the whole neutral task as JSON.
task = sa.Table(
    "task",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("run", sa.String, sa.ForeignKey("run.id"), nullable=False, index=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
)

#: What is kept of a run besides its row when the product carries it out, not we.
product_run = sa.Table(
    "product_run",
    metadata,
    sa.Column("run", sa.String, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("native", sa.String),
    sa.Column("level", sa.String, nullable=False),
    sa.Column("vms", sa.JSON, nullable=False),
    sa.Column("runs_before", sa.JSON, nullable=False),
    sa.Column("checkpoints_before", sa.JSON, nullable=False),
    sa.Column("is_adopted", sa.Boolean, nullable=False),
    sa.Column("is_settled", sa.Boolean, nullable=False, index=True),
    sa.Column("native_state", sa.String, nullable=False, default=""),
    sa.Column("percent", sa.Integer),
    sa.Column("message", sa.String, nullable=False, default=""),
)

#: Every checkpoint we ever intended. The tag is in its name on the hypervisor.
checkpoint = sa.Table(
    "checkpoint",
    metadata,
    sa.Column("tag", sa.String, primary_key=True),
    sa.Column("connection", sa.String, nullable=False),
    sa.Column("workload", sa.String, nullable=False, index=True),
    sa.Column("workload_name", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("is_ad_hoc", sa.Boolean, nullable=False),
    sa.Column("run", sa.String),
    sa.Column("executor", sa.String, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("native", sa.String),
    sa.Column("operation", sa.String),
    sa.Column("baseline", sa.JSON, nullable=False),
    sa.Column("intended_at", sa.String, nullable=False),
    sa.Column("held_at", sa.String),
    sa.Column("ended_at", sa.String),
    sa.Column("expires_at", sa.String),
    sa.Column("note", sa.String, nullable=False, default=""),
)

#: Every transition, in order, for people and for the tests that walk them.
checkpoint_event = sa.Table(
    "checkpoint_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("tag", sa.String, sa.ForeignKey("checkpoint.tag"), nullable=False, index=True),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("before", sa.String, nullable=False),
    sa.Column("after", sa.String, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("note", sa.String, nullable=False, default=""),
)

#: What we recorded as restorable, so that one that vanishes from its repository is noticed.
restore_point = sa.Table(
    "restore_point",
    metadata,
    sa.Column("ref", sa.String, primary_key=True),
    sa.Column("connection", sa.String, nullable=False, index=True),
    sa.Column("workload", sa.String, nullable=False, index=True),
    sa.Column("recorded_at", sa.String, nullable=False),
    sa.Column("verified_at", sa.String),
    sa.Column("record", sa.JSON, nullable=False),
)

#: Every write to a product that a plan ever intended. The key goes with the request.
operation = sa.Table(
    "operation",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("plan", sa.String, nullable=False, index=True),
    sa.Column("connection", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("change", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("executor", sa.String, nullable=False),
    sa.Column("intended_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
    sa.Column("after", sa.JSON),
    sa.Column("error", sa.JSON),
    sa.Index("operation_by_address", "connection", "address", "intended_at"),
)

#: Every step of such a write, in order.
operation_event = sa.Table(
    "operation_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String, sa.ForeignKey("operation.key"), nullable=False, index=True),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("before", sa.String, nullable=False),
    sa.Column("after", sa.String, nullable=False),
    sa.Column("note", sa.String, nullable=False, default=""),
)

#: What a product showed when it was last looked at, so that a shrunk list is noticed.
observation = sa.Table(
    "observation",
    metadata,
    sa.Column("connection", sa.String, primary_key=True),
    sa.Column("observed_at", sa.String, nullable=False),
    sa.Column("addresses", sa.JSON, nullable=False),
)

#: Every write to any system, asked and answered; each line holds the digest of the one before.
audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String, nullable=False, index=True),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("system", sa.String, nullable=False),
    sa.Column("deed", sa.String, nullable=False),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("before", sa.JSON),
    sa.Column("after", sa.JSON),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("answers", sa.Integer),
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("previous", sa.String, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
)

#: Every failover, test or other deed on a replica that was ever begun.
replica_deed = sa.Table(
    "replica_deed",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("deed", sa.String, nullable=False),
    sa.Column("connection", sa.String, nullable=False),
    sa.Column("pair", sa.String, nullable=False),
    sa.Column("vm", sa.String, nullable=False),
    sa.Column("order", sa.JSON, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("executor", sa.String, nullable=False),
    sa.Column("begun_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
    sa.Column("note", sa.String, nullable=False, default=""),
    sa.Index("replica_deed_by_pair", "connection", "pair", "begun_at"),
)

#: Its steps: journaled before they are asked for.
replica_step = sa.Table(
    "replica_step",
    metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("deed", sa.String, sa.ForeignKey("replica_deed.id"), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("step", sa.String, nullable=False),
    sa.Column("side", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("operation", sa.String),
    sa.Column("intended_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
    sa.Column("note", sa.String, nullable=False, default=""),
)
