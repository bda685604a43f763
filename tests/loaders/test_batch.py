"""The batch that both loaders give, and its parts that no view has."""

from __future__ import annotations

import inspect

import pytest

pytest.importorskip("torch", reason="a batch is made of tensors")

import torch

from maskgen.loaders.batch import Batch, none_if_all_none


def test_parts_that_no_view_has_are_none_as_a_whole() -> None:
    part = torch.zeros(2, 1, 4, 4)
    assert none_if_all_none([None, None]) is None
    assert none_if_all_none(iter([])) is None
    found = none_if_all_none(one for one in (None, part, None))
    assert found is not None
    assert [one is part for one in found] == [False, True, False]


def test_every_key_is_described() -> None:
    text = inspect.getdoc(Batch) or ""
    assert [name for name in Batch.__annotations__ if f"\n    {name}: " not in text] == []
