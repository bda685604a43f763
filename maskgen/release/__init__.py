"""What comes with maskgen: networks, photos to try them on, and a table of ImageNet's classes."""

from __future__ import annotations

from pathlib import Path

PHOTOS = Path(__file__).parent / "photos"
"""Sixteen photos in four folders; `photos.tsv` beside them has the author, source and license of each."""
IMAGENET = Path(__file__).parent / "imagenet.tsv"
"""ImageNet's thousand wnids in their order, and what their classes are in coarser sets."""
