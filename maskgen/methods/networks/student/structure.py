"""What a student is made of, in numbers: shared by its layers in torch and by its ONNX graph."""

from __future__ import annotations

import math
from dataclasses import dataclass

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

STEM = 32
BATCH_NORM_EPSILON = 1e-3
"""TensorFlow's, as the released weights were trained."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Inverted residual blocks of one width: the first has the stride and changes the width.

    Args:
        blocks: how many, in lite0.
        side: of the depthwise kernel.
        stride: of the first block.
        expansion: of the width inside a block.
        width: of the output, in lite0.
    """

    blocks: int
    side: int
    stride: int
    expansion: int
    width: int


STAGES = (  # table 1 of the paper
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
SHOWN = (0, 1, 2, 4, 6)
"""The last stage at each stride: 2, 4, 8, 16 and 32."""
SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
"""Width and depth of the lite variants, over lite0's."""
WIDTHS = (24, 48, 64, 96, 128)
"""Of the decoder's maps at strides 2, 4, 8, 16 and 32."""
SIDES = (3, 5, 5, 5, 5)
"""Of the depthwise kernels of the decoder's separable convolutions, at the same strides."""
HEAD = ("decoder.head.weight", "decoder.head.bias")
"""The last convolution's tensors, which give the logits."""
AUXILIARY = (2, 3)
"""Which of them also give a map while training: strides 8 and 16."""


def blocks_of(name: str) -> list[tuple[Stage, int, int]]:
    """The stages of a lite variant: each with its width and its number of blocks.

    Raises:
        UsageError: there is none of that name.

    Example:
        >>> from maskgen.methods.networks.student.structure import blocks_of
        >>> [blocks for _, _, blocks in blocks_of("lite0")]
        [1, 2, 2, 3, 3, 4, 1]
    """
    if name not in SCALES:
        raise UsageError(f"unknown student {name!r}", remedy=nearest(name, list(SCALES)))
    width, depth = SCALES[name]
    ends = (0, len(STAGES) - 1)  # their depth is not scaled
    return [
        (
            stage,
            scale_width(stage.width, width),
            stage.blocks if number in ends else math.ceil(depth * stage.blocks),
        )
        for number, stage in enumerate(STAGES)
    ]


def widths_of(name: str) -> tuple[int, ...]:
    """Channels of a lite variant's maps at strides 2, 4, 8, 16 and 32."""
    stages = blocks_of(name)
    return tuple(stages[number][1] for number in SHOWN)


def scale_width(width: int, factor: float) -> int:
    """`width` times `factor`, to the nearest multiple of 8, but never a tenth below it."""
    scaled = width * factor
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded
