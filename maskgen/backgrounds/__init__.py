"""Backgrounds: a photo and its foreground mask in, the photo without the foreground out."""

from __future__ import annotations

from maskgen.backgrounds.inpaint import telea
from maskgen.backgrounds.tiled import tiled
from maskgen.types import Background

BACKGROUNDS: dict[str, Background] = {"tiled": tiled, "telea": telea}
