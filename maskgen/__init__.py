"""Foreground masks and foreground-free backgrounds for vision training.

Importing this package imports nothing heavy: no torch, DALI, zarr or click.
"""

__version__ = "0.1.0"
