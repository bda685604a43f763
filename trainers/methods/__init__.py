"""One file per self-supervised method, and the supervised control."""

from __future__ import annotations

from importlib import import_module

from ..registry import TRAINER_METHODS
from .base import Method, Progress, StepOutput

METHODS: dict[str, type[Method]] = {
    name: getattr(import_module(f".{row.module}", __package__), row.class_name)
    for name, row in TRAINER_METHODS.items()
}
"""The class of every trainer method, by its name."""

__all__ = ["METHODS", "Method", "Progress", "StepOutput"]
