"""What an ONNX model wants and gives, declared by a known name or a TOML file.

A declaration is small: the input's side, mean, standard deviation, divisor and resize kernel; which output is
the map, whether a sigmoid is still to come, and whether the map is stretched to its own minimum and maximum.
"""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError
from maskgen.methods.network import NetworkInput

from .file import ModelFile, read_model

ACTIVATIONS = ("none", "sigmoid")
DIVISORS = ("255", "max")
RESIZES = ("official", "antialias")
SIDES_PX = (16, 8192)
MAX_TOML_BYTES = 1 << 16

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """How a model's output becomes a map in [0, 1].

    Args:
        output: which of the model's outputs: an index (-1 is the last) or a name.
        activation: ``none``, or ``sigmoid`` when the model gives logits.
        stretch: whether each map is stretched to its own minimum and maximum; a constant one becomes all
            zero.
    """

    output: int | str = 0
    activation: str = "none"
    stretch: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """A model's declared input and output.

    Args:
        input: as it prepares photos.
        output: as it finishes maps.
        side_is_usual: the side is only the usual one: a model of a fixed other size is taken as it is.
    """

    input: NetworkInput
    output: NetworkOutput = field(default_factory=NetworkOutput)
    side_is_usual: bool = False

    def render(self) -> str:
        """The declaration as one line of canonical JSON, which `read_declaration` reads back."""
        side = "usual_side" if self.side_is_usual else "side"
        facts = {
            side: self.input.side,
            "mean": self.input.mean,
            "std": self.input.std,
            "divisor": self.input.divisor,
            "resize": self.input.resize,
            "output": self.output.output,
            "activation": self.output.activation,
            "stretch": self.output.stretch,
        }
        return json.dumps(facts, sort_keys=True, separators=(",", ":"))


KNOWN: dict[str, Declaration] = {
    # U²-Net's test code (u2net_test.py, data_loader.py): over the photo's maximum, no anti-aliasing, min-max
    # of the first of seven outputs, which the network has put through a sigmoid. Also silueta and
    # u2net_human_seg.
    "u2net": Declaration(
        NetworkInput(320, **IMAGENET, divisor="max", resize="official"),
        NetworkOutput(0, "none", stretch=True),
        side_is_usual=True,
    ),
    # IS-Net's Inference.py: two-tap bilinear, over 255, minus .5, min-max of the first output. (rembg puts
    # ImageNet's mean and the photo's maximum there.) Also RMBG-1.4, which shares the network and this
    # preparation.
    "isnet": Declaration(
        NetworkInput(1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0), divisor="255", resize="official"),
        NetworkOutput(0, "none", stretch=True),
        side_is_usual=True,
    ),
    # BiRefNet's README and inference.py: Pillow's bilinear, ImageNet's mean and std, the sigmoid of the last
    # output, no stretching. The authors' exports give logits; some others hold the sigmoid already and need a
    # TOML file.
    "birefnet": Declaration(
        NetworkInput(1024, **IMAGENET, divisor="255", resize="antialias"),
        NetworkOutput(-1, "sigmoid", stretch=False),
        side_is_usual=True,
    ),
    # RMBG-2.0, a BiRefNet whose export holds the sigmoid.
    "rmbg-2.0": Declaration(
        NetworkInput(1024, **IMAGENET, divisor="255", resize="antialias"),
        NetworkOutput(-1, "none", stretch=False),
        side_is_usual=True,
    ),
    # InSPyReNet (transparent-background, Remover.py): Pillow's bilinear, ImageNet's mean and std; the network
    # ends with a sigmoid and a min-max over the whole batch, so that stretching each map makes it independent
    # of the rest.
    "inspyrenet": Declaration(
        NetworkInput(1024, **IMAGENET, divisor="255", resize="antialias"),
        NetworkOutput(0, "none", stretch=True),
        side_is_usual=True,
    ),
}


def read_declaration(text: str) -> Declaration:
    """The declaration that a user's word stands for.

    Args:
        text: a known name, the path of a TOML file, or what `Declaration.render` gave.

    Raises:
        UsageError: nothing given, an unknown name, a file that cannot be read, a missing, unknown or wrong
            key.

    Example:
        >>> from maskgen.methods.networks.onnx.declaration import read_declaration
        >>> read_declaration("isnet").input.side
        1024
    """
    if text in KNOWN:
        return KNOWN[text]
    if text.startswith("{"):
        return _from_table(_json_table(text), "network")
    if not text:
        remedy = f"give {', '.join(KNOWN)} or a TOML file with --network"
        raise UsageError("--method onnx needs to know the model's input and output", remedy=remedy)
    path = Path(text)
    if path.suffix != ".toml":
        remedy = f"{nearest(text, list(KNOWN))} Or a file that ends in .toml"
        raise UsageError(f"--network got {text!r}", remedy=remedy)
    return _from_table(read_table(path), text)


def fit_declaration(declaration: Declaration, model: bytes | Path | ModelFile) -> Declaration:
    """The declaration with the side that the model has, and checked against the model's outputs.

    Raises:
        UsageError: the model cannot be used, or contradicts the declaration.
        EnvironmentFault: the package onnx is not installed.
    """
    file = model if isinstance(model, ModelFile) else read_model(model)
    side = declaration.input.side
    if file.side and side != file.side and not declaration.side_is_usual:
        raise UsageError(
            f"the declaration has side {side} and the model takes {file.side}x{file.side} px only",
            where=file.where,
            remedy="leave the side out of the declaration, or export the model again",
        )
    side = file.side or side
    if not side:
        raise UsageError(
            "the model takes any size, so the declaration must say one",
            where=file.where,
            remedy='add, for example, "side = 1024" to the TOML file',
        )
    index = file.output_index(declaration.output.output)
    if declaration.output.activation == "sigmoid" and file.sigmoid[index]:
        raise UsageError(
            f"the model's output {file.outputs[index]!r} is a sigmoid's already, and one more is declared",
            where=file.where,
            remedy='declare activation = "none" in a TOML file for --network',
        )
    return replace(declaration, input=replace(declaration.input, side=side), side_is_usual=False)


def _json_table(text: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except ValueError as error:
        raise UsageError(
            "--network holds no valid JSON", cause=str(error), remedy="give a known name or a TOML file"
        ) from error
    if not isinstance(table, dict):
        raise UsageError("--network holds no JSON object", remedy="give a known name or a TOML file")
    return table


def read_table(path: Path) -> dict[str, Any]:
    """A declaration's file as a table.

    Raises:
        UsageError: it cannot be read, or is too long.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOML_BYTES + 1)
        if len(data) > MAX_TOML_BYTES:
            raise UsageError(
                "this is too long for a declaration",
                where=str(path),
                remedy="give a TOML file as docs/how-to/networks.md shows it",
            )
        return tomllib.loads(data.decode())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            "cannot read the declaration",
            where=str(path),
            cause=str(error),
            remedy="mend the TOML file: docs/how-to/networks.md has an example",
        ) from error


_KEYS = ("side", "usual_side", "mean", "std", "divisor", "resize", "output", "activation", "stretch")
_REQUIRED = ("mean", "std", "activation")


def _from_table(table: dict[str, Any], where: str) -> Declaration:
    for name in table:
        if name not in _KEYS:
            raise UsageError(f"unknown key {name!r}", where=where, remedy=nearest(name, list(_KEYS)))
    missing = [name for name in _REQUIRED if name not in table]
    if missing:
        raise UsageError(
            f"the declaration lacks {', '.join(missing)}",
            where=where,
            remedy="add them: docs/how-to/networks.md has an example",
        )
    usual = "side" not in table
    side = table.get("usual_side", 0) if usual else table["side"]
    divisor = table.get("divisor", "255")
    output, stretch = table.get("output", 0), table.get("stretch", False)
    _require(isinstance(stretch, bool), "stretch is true or false", where)
    _require(
        (isinstance(output, int) and not isinstance(output, bool))
        or (isinstance(output, str) and bool(output)),
        "output is an index or a name",
        where,
    )
    _require(usual or side, f"side is {SIDES_PX[0]} to {SIDES_PX[1]} px", where)
    return Declaration(
        NetworkInput(
            _side(side, where),
            _three(table, "mean", where),
            _three(table, "std", where),
            _choice(str(divisor), "divisor", DIVISORS, where),
            _choice(table.get("resize", "antialias"), "resize", RESIZES, where),
        ),
        NetworkOutput(output, _choice(table["activation"], "activation", ACTIVATIONS, where), stretch),
        side_is_usual=usual,
    )


def _require(fits: object, words: str, where: str) -> None:
    if not fits:
        raise UsageError(words, where=where, remedy="mend this line: docs/how-to/networks.md has an example")


def _side(value: Any, where: str) -> int:
    low, high = SIDES_PX
    fits = isinstance(value, int) and not isinstance(value, bool) and (value == 0 or low <= value <= high)
    _require(fits, f"side is {low} to {high} px", where)
    return int(value)


def _three(table: dict[str, Any], name: str, where: str) -> tuple[float, float, float]:
    values = table[name]
    numbers = isinstance(values, list | tuple) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )
    _require(numbers and len(values) == 3, f"{name} is three numbers, for red, green and blue", where)
    _require(name != "std" or min(values) > 0, "std is three numbers above 0", where)
    return float(values[0]), float(values[1]), float(values[2])


def _choice(value: Any, name: str, choices: tuple[str, ...], where: str) -> str:
    _require(value in choices, f"{name} is {' or '.join(choices)}, not {value!r}", where)
    return str(value)
