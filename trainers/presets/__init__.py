"""Published settings by method and name. Importing this pulls in no torch, so that `--help` stays fast."""

from .override import with_overrides
from .spec import Preset, fingerprint, render, resolved
from .table import PRESETS, find_preset

__all__ = ["PRESETS", "Preset", "find_preset", "fingerprint", "render", "resolved", "with_overrides"]
