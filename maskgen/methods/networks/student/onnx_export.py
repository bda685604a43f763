"""A student as an ONNX model, put together from its arrays: neither torch nor a trace is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from maskgen.errors import UsageError

from ..onnx.declaration import Declaration, NetworkOutput
from ..onnx.message import Node
from ..onnx.write import INPUT, OUTPUT, write_model
from .structure import SHOWN, SIDES, STEM, WIDTHS, Stage, blocks_of, widths_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maskgen.methods.network import NetworkInput

DECODER_EPSILON = 1e-5
"""Of the decoder's batch norms: torch's."""


def student_to_onnx(state: Mapping[str, NDArray[Any]], photos: NetworkInput, name: str) -> bytes:
    """The network as an ONNX file: (batch, 3, side, side) float32 in, (batch, 1, side, side) in [0, 1] out.

    Batch norms are folded into the convolutions before them.

    Args:
        state: the network's arrays by the names of its layers, of any float type.
        photos: how they are prepared; their side divides by 32.
        name: of the encoder, one of `SCALES`; kept in the file.

    Raises:
        UsageError: the arrays are not those of this student.
    """
    graph = _Graph(state, name)
    graph.student()
    return graph.model(photos)


class _Graph:
    """Nodes and constants; each method adds to them and returns the name of what comes out."""

    def __init__(self, state: Mapping[str, NDArray[Any]], name: str) -> None:
        self._state, self._name = state, name
        self._used: set[str] = set()
        self._wrong: list[str] = []
        self._nodes: list[Node] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def student(self) -> None:
        """Photos to saliency."""
        maps = self._encoder(INPUT)
        fine = self._head(self._decoder(maps))
        whole = self._node("Resize", [fine, "", self._scales], mode="linear")  # by pixel centers, its default
        self._nodes.append(Node("Sigmoid", [whole], [OUTPUT]))

    def model(self, photos: NetworkInput) -> bytes:
        """The file."""
        wrong = [*self._wrong, *(f"unknown {key}" for key in self._state if not self._is_known(key))]
        if wrong:
            raise UsageError(
                f"the weights are not those of the student {self._name}",
                cause="; ".join(wrong[:3]),
                remedy="give the .safetensors file that `maskgen distill` wrote",
            )
        return write_model(
            self._nodes,
            self._constants,
            Declaration(photos, NetworkOutput(0)),
            side=photos.side,
            name=self._name,
            words="(RGB - 127) / 128",
        )

    def _encoder(self, photos: str) -> list[str]:
        self._low = self._constant("low", np.array(0, np.float32))
        self._high = self._constant("high", np.array(6, np.float32))
        self._scales = self._constant("scales", np.array([1, 1, 2, 2], np.float32))
        h = self._relu6(self._conv(photos, "encoder.stem", (STEM, 3, 3, 3), stride=2))
        inputs, maps = STEM, []
        for number, (stage, outputs, blocks) in enumerate(blocks_of(self._name)):
            for index in range(blocks):
                stride = stage.stride if index == 0 else 1
                h = self._block(h, f"encoder.stages.{number}.{index}", stage, (inputs, outputs), stride)
                inputs = outputs
            if number in SHOWN:
                maps.append(h)
        return maps

    def _block(self, x: str, at: str, stage: Stage, widths: tuple[int, int], stride: int) -> str:
        inputs, outputs = widths
        inner, wide = inputs * stage.expansion, x
        if stage.expansion > 1:
            wide = self._relu6(self._conv(x, f"{at}.expand", (inner, inputs, 1, 1)))
        shape = (inner, 1, stage.side, stage.side)
        looked = self._relu6(self._conv(wide, f"{at}.depthwise", shape, stride=stride, groups=inner))
        h = self._conv(looked, f"{at}.project", (outputs, inner, 1, 1))
        return self._node("Add", [x, h]) if stride == 1 and inputs == outputs else h

    def _decoder(self, maps: Sequence[str]) -> str:
        widths = widths_of(self._name)
        whole = self._conv(
            self._node("GlobalAveragePool", [maps[-1]]), "decoder.whole", (WIDTHS[-1], widths[-1], 1, 1)
        )
        last = len(WIDTHS) - 1
        top = self._conv(maps[-1], f"decoder.laterals.{last}", (WIDTHS[-1], widths[-1], 1, 1))
        h = self._separable(self._relu(self._node("Add", [top, whole])), "decoder.top", last)
        for level in reversed(range(last)):
            fine, coarse = WIDTHS[level : level + 2]
            side = self._conv(maps[level], f"decoder.laterals.{level}", (fine, widths[level], 1, 1))
            down = self._conv(h, f"decoder.down.{level}", (fine, coarse, 1, 1))
            larger = self._node("Resize", [down, "", self._scales], mode="linear")
            h = self._relu(self._node("Add", [side, larger]))
            h = self._node("Add", [h, self._separable(h, f"decoder.merge.{level}", level)])
        return h

    def _head(self, h: str) -> str:
        return self._conv(h, "decoder.head", (1, WIDTHS[0], 3, 3))

    def _separable(self, x: str, at: str, level: int) -> str:
        width, side = WIDTHS[level], SIDES[level]
        h = self._conv(x, f"{at}.layers.0", (width, 1, side, side), groups=width, norm=f"{at}.layers.1")
        return self._relu(self._conv(h, f"{at}.layers.2", (width, width, 1, 1), norm=f"{at}.layers.3"))

    def _conv(
        self, x: str, at: str, shape: tuple[int, ...], *, stride: int = 1, groups: int = 1, norm: str = ""
    ) -> str:
        weight, bias = self._array(f"{at}.weight", shape), np.zeros(shape[0], np.float32)
        if norm:
            scale, shift, mean, variance = (
                self._array(f"{norm}.{part}", shape[:1])
                for part in ("weight", "bias", "running_mean", "running_var")
            )
            factor = scale / np.sqrt(variance + np.float32(DECODER_EPSILON))
            weight, bias = weight * factor[:, None, None, None], shift - mean * factor
        else:
            bias = self._array(f"{at}.bias", shape[:1])
        margin = shape[-1] - stride if stride > 1 else shape[-1] - 1  # TensorFlow's SAME
        before, after = margin // 2, margin - margin // 2
        inputs = [x, self._constant(f"{at}.weight", weight), self._constant(f"{at}.bias", bias)]
        return self._node(
            "Conv", inputs, strides=[stride] * 2, group=groups, pads=[before, before, after, after]
        )

    def _relu6(self, x: str) -> str:
        return self._node("Clip", [x, self._low, self._high])

    def _relu(self, x: str) -> str:
        return self._node("Relu", [x])

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(Node(kind, inputs, [name], attributes))
        return name

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        self._constants[name] = values
        return name

    def _array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """One of the weights; what is wrong with it is told by `model`, all at once."""
        self._used.add(name)
        found = self._state.get(name)
        if found is None or found.shape != shape or found.dtype.kind != "f":
            is_there = "missing " if found is None else f"{found.dtype} {found.shape} instead of {shape}: "
            self._wrong.append(f"{is_there}{name}")
            return np.ones(shape, np.float32)
        if not np.isfinite(found).all() or (name.endswith("running_var") and found.min() < 0):
            self._wrong.append(f"not finite, or a negative variance: {name}")
            return np.ones(shape, np.float32)
        return found.astype(np.float32)

    def _is_known(self, name: str) -> bool:
        """Auxiliary maps and counted batches are for the training alone."""
        learning = name.startswith("decoder.auxiliary.") or name.endswith("num_batches_tracked")
        return learning or name in self._used
