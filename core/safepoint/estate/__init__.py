"""Estate documents: read, checked, and handed over as one immutable whole.

::

    load_estate(paths, settings_model=…, driver_names=…) -> Estate     # ConfigError: all findings
    check_estate(paths, …) -> CheckedEstate      # .findings (errors, warnings), .valid, .estate
    check_text(text, name=…, base_dir=…, …)      # the same for a text that is no file

    estate.jobs["gold"], .connections, .clusters, .policies            # mappings; KeyError
    estate.replicas, .replica_groups
    estate.job(name), .connection(name), .cluster(name), .policy(name) # UnknownNameError
    estate.replica(name), .replica_group(name)
    estate.source(document)                      # file, line, folder
    estate.fingerprint                           # digest of what the documents say

    SecretResolver().resolve(ref) -> SecretStr
    connection_settings(estate, name, model, secrets) -> model         # ready for DriverSpec.open
    resolve_cluster(cluster, secrets) -> ClusterInfo                   # ready for DriverContext
    clusters_using(estate, connection) -> tuple[Cluster, ...]

    Selection(job).includes(vm), select(vm, job), absent_names(job, vms)
    Candidates(vms).meant_by(Selection(job))     # for many jobs
    estate_schema(settings={…}) -> dict          # JSON Schema, `safepoint schema`
    starter_estate(driver=…, settings=…) -> str  # `safepoint init`

What a document may say is defined by the models in `safepoint.models.estate`, `policies`,
`jobs` and `replica_documents`, and by nothing else: messages, schema and reference page are made
from them.
"""

from __future__ import annotations

from safepoint.estate.estate import Estate, LoadedDocument
from safepoint.estate.init import starter_estate
from safepoint.estate.loading import CheckedEstate, check_estate, check_text, load_estate
from safepoint.estate.opening import (
    clusters_of,
    clusters_using,
    connection_settings,
    outline_of,
    resolve_cluster,
)
from safepoint.estate.schema import estate_schema
from safepoint.estate.secrets import SecretResolver
from safepoint.estate.selectors import Candidates, Selection, absent_names, select

__all__ = [
    "Candidates",
    "CheckedEstate",
    "Estate",
    "LoadedDocument",
    "SecretResolver",
    "Selection",
    "absent_names",
    "check_estate",
    "check_text",
    "clusters_of",
    "clusters_using",
    "connection_settings",
    "estate_schema",
    "load_estate",
    "outline_of",
    "resolve_cluster",
    "select",
    "starter_estate",
]
