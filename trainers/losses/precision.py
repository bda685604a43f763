"""Losses in float32, whatever the networks ran in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def in_float32(loss: Callable[P, R]) -> Callable[P, R]:
    """A loss whose half-precision tensors become float32 and which autocast leaves alone."""

    @wraps(loss)
    def exact(*args: P.args, **kwargs: P.kwargs) -> R:
        device = next(_tensors((*args, *kwargs.values()))).device.type
        with torch.autocast(device, enabled=False):
            return loss(*map(widen, args), **{name: widen(value) for name, value in kwargs.items()})  # pyright: ignore[reportCallIssue]

    return exact


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


def widen(value: Any) -> Any:
    """Half-precision tensors, also in tuples and lists, as float32; all else as it is."""
    if isinstance(value, list | tuple):
        return type(value)(widen(part) for part in value)
    half = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if half else value
