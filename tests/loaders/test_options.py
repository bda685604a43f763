"""The options that all loaders share: their defaults, and how a wrong one is refused."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.loaders import DaliLoader, TorchLoader
from maskgen.loaders.options import LoaderOptions


@pytest.mark.parametrize("kind", [DaliLoader, TorchLoader])
def test_loaders_have_the_same_defaults(kind: Any) -> None:
    defaults = {option.name: option.default for option in fields(LoaderOptions)}
    given = inspect.signature(kind).parameters.values()
    options = {one.name: one.default for one in given if one.default is not inspect.Parameter.empty}
    assert options.pop("seed") == 0
    assert options
    assert options == {name: defaults[name] for name in options}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"device": "tpu"}, "Next: one of cpu, cuda."),
        ({"output": "int8"}, "Next: one of uint8, float32, float16, bfloat16."),
        ({"threads": 0}, "Next: a whole number from 1 on."),
        ({"prefetch": -1}, "Next: a whole number from 1 on."),
    ],
)
def test_a_value_out_of_range_is_named_with_what_would_do(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        LoaderOptions(**wrong)
    (name, value), *_ = wrong.items()
    assert f"{name}={value!r}" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("word", ["gpu", "gpu:1"])
def test_the_device_is_called_cuda(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        LoaderOptions(device=word)
    assert caught.value.remedy == 'device="cuda"'


@pytest.mark.parametrize("name", ["rank", "world", "threads", "prefetch"])
@pytest.mark.parametrize("value", ["2", 2.0, None, True])
def test_what_is_no_whole_number_is_refused_in_a_sentence(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"{name} must be a whole number"):
        LoaderOptions(**{name: value})
