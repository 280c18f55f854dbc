"""`python -m safepoint`."""

from __future__ import annotations

import sys

from safepoint.cli.app import main

sys.exit(main())
