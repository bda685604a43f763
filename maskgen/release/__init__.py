"""What comes with maskgen: networks, and photos to try them on."""

from __future__ import annotations

from pathlib import Path

PHOTOS = Path(__file__).parent / "photos"
"""Sixteen photos in four folders; `photos.tsv` beside them has the author, source and license of each."""
