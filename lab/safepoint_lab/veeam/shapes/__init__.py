"""What request bodies must look like, revision by revision, as a reduced table of facts."""

from __future__ import annotations

from safepoint_lab.veeam.shapes.check import check_body
from safepoint_lab.veeam.shapes.table import ShapeTable, table_of

__all__ = ["ShapeTable", "check_body", "table_of"]
