"""What an ONNX inpainting model wants and gives, declared by a known name or a TOML file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from ..onnx.declaration import SIDES_PX, read_table
from ..onnx.file import ModelGraph, read_graph

RANGES = (1, 255)


@dataclass(frozen=True, slots=True)
class InpaintingDeclaration:
    """A model's declared inputs and output.

    Args:
        side: of the square photo and mask that it takes, px; 0: the model's own.
        image: name of the input that takes the photo, (1, 3, side, side) RGB; empty: the first input.
        mask: name of the input that takes the hole, (1, 1, side, side), 1 inside; empty: the second input.
        output: name of the output, (1, 3, side, side) RGB; empty: the first.
        image_range: the photo's white, 1 or 255; black is 0.
        output_range: the output's white, 1 or 255.
    """

    side: int = 0
    image: str = ""
    mask: str = ""
    output: str = ""
    image_range: int = 1
    output_range: int = 1

    def render(self) -> str:
        """The declaration as one line of canonical JSON, which `read_inpainting` reads back."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


KNOWN: dict[str, InpaintingDeclaration] = {
    # The exports of LaMa (Suvorov et al., WACV 2022) for ONNX Runtime and OpenCV: RGB over 255,
    # a hole of ones, 512 px, and levels up to 255 in the output. Not run here: there are no weights of it.
    "lama": InpaintingDeclaration(output_range=255),
}


def read_inpainting(text: str) -> InpaintingDeclaration:
    """The declaration that a user's word stands for.

    Args:
        text: a known name, the path of a TOML file, or what `InpaintingDeclaration.render` gave.

    Raises:
        UsageError: nothing given, an unknown name, a file that cannot be read, an unknown or wrong key.

    Example:
        >>> from maskgen.methods.networks.inpainting.declaration import read_inpainting
        >>> read_inpainting("lama").output_range
        255
    """
    if text in KNOWN:
        return KNOWN[text]
    if text.startswith("{"):
        return _from_table(json.loads(text), "--background-network")
    if Path(text).suffix != ".toml":
        what = f"--background-network got {text!r}" if text else "--background onnx needs a declared model"
        raise UsageError(what, remedy=f"give {', '.join(KNOWN)} or a TOML file with --background-network")
    return _from_table(read_table(Path(text)), text)


def fit_inpainting(declaration: InpaintingDeclaration, model: Path | ModelGraph) -> InpaintingDeclaration:
    """The declaration with the names and the side that the model has, and checked against it.

    Raises:
        UsageError: the model cannot be used, or contradicts the declaration.
        EnvironmentFault: the package onnx is not installed.
    """
    graph = model if isinstance(model, ModelGraph) else read_graph(model, flag="--background-weights")
    inputs = list(graph.inputs)
    if len(inputs) != 2:
        raise UsageError(
            "an inpainting model has two inputs, the photo and the hole",
            where=graph.where,
            cause=", ".join(inputs) or "it has none",
            remedy="export the model with these two",
        )
    image, mask = declaration.image or inputs[0], declaration.mask or inputs[1]
    output = declaration.output or graph.outputs[0]
    for name, known in ((image, inputs), (mask, inputs), (output, list(graph.outputs))):
        if name not in known:
            raise UsageError(
                f"the model has no {name!r}", where=graph.where, remedy=f"it has {', '.join(known)}"
            )
    if image == mask:
        raise UsageError(
            "photo and hole are declared to be one input",
            where=graph.where,
            remedy="declare image = ... and mask = ... by two names",
        )
    sides = {_side(graph, name, channels) for name, channels in ((image, 3), (mask, 1))} - {0}
    if declaration.side:
        sides.add(declaration.side)
    if len(sides) != 1:
        cause = f"sides of {' and '.join(map(str, sorted(sides)))} px" if sides else "it takes any size"
        raise UsageError(
            "one side must be declared, that of the model's inputs",
            where=graph.where,
            cause=cause,
            remedy="declare side = ... in the TOML file",
        )
    return replace(declaration, side=sides.pop(), image=image, mask=mask, output=output)


def _side(graph: ModelGraph, name: str, channels: int) -> int:
    """Of an input, px; 0 where it is free."""
    kind, sizes = graph.inputs[name]
    fits = len(sizes) == 4 and sizes[0] in (0, 1) and sizes[1] in (0, channels) and kind == 1
    if not fits or (sizes[2] != sizes[3] and 0 not in sizes[2:]):
        raise UsageError(
            f"the model's input {name!r} is not (1, {channels}, side, side) of float32",
            where=graph.where,
            cause=f"it is {sizes} of data type {kind}, where 0 stands for any size",
            remedy="name the inputs in the declaration: image = ..., mask = ...",
        )
    return max(sizes[2:])


_MEND = "mend this line of the declaration"


def _from_table(table: dict[str, Any], where: str) -> InpaintingDeclaration:
    known = asdict(InpaintingDeclaration())
    for name, value in table.items():
        if name not in known:
            raise UsageError(f"unknown key {name!r}", where=where, remedy=nearest(name, list(known)))
        if type(value) is not type(known[name]):
            raise UsageError(
                f"{name} is a {type(known[name]).__name__}, not {value!r}", where=where, remedy=_MEND
            )
    declaration = InpaintingDeclaration(**table)
    low, high = SIDES_PX
    if declaration.side and not low <= declaration.side <= high:
        raise UsageError(f"side is {low} to {high} px", where=where, remedy=_MEND)
    if not {declaration.image_range, declaration.output_range} <= set(RANGES):
        raise UsageError("image_range and output_range are 1 or 255", where=where, remedy=_MEND)
    return declaration
