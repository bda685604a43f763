"""Backgrounds: a photo and its foreground mask in, the photo without the foreground out."""

from __future__ import annotations

from ..types import Background
from .telea import telea
from .tiled import tiled

BACKGROUNDS: dict[str, Background] = {"tiled": tiled, "telea": telea}
