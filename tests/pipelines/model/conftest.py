"""A serving loop with a network that shows which photo it saw."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from serving import address  # noqa: F401 - a fixture, used by name
