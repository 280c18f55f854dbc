"""``python -m safepoint_lab.daemon FOLDER CHOICES``: the server process behind `lab up`."""

from __future__ import annotations

import json
import sys

from safepoint_lab.daemon.folder import LabFolder
from safepoint_lab.daemon.process import run_lab

if __name__ == "__main__":
    raise SystemExit(run_lab(LabFolder.at(sys.argv[1]), json.loads(sys.argv[2])))
