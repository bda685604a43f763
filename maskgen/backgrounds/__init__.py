"""Backgrounds: a photo and its foreground mask in, the photo without the foreground out.

`tiled` (which takes the tile of `choice`) and `telea` make them, `make` is the table of both; `rectangle` and
`region` are what they share.
"""

from __future__ import annotations

from .make import BACKGROUNDS, make_background
from .telea import telea
from .tiled import tiled

__all__ = ["BACKGROUNDS", "make_background", "telea", "tiled"]
