"""Published settings by method and name. Importing this pulls in no torch, so that `--help` stays fast."""

from maskgen.trainers.presets.override import with_overrides
from maskgen.trainers.presets.preset import Preset, fingerprint, render, resolved
from maskgen.trainers.presets.table import PRESETS, find_preset

__all__ = ["PRESETS", "Preset", "find_preset", "fingerprint", "render", "resolved", "with_overrides"]
