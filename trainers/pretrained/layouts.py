"""Where a released file keeps its encoder: prefixes, heads, momentum networks, and other projects' names.

Read in the public codes: MoCo, CAST and RSA ``module.encoder_q.``, SimSiam ``module.encoder.``, SwAV and
classifiers ``module.`` or nothing; PyTorch's BYOL ``online_encoder.net.`` or a Sequential's numbers behind
``module.online_network.encoder.``. The rule here is the names' own: the encoder stands behind the prefix of
its first layers, and what is not the encoder must be a head, a queue or a momentum network by its name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from torch import Tensor

from maskgen.errors import UsageError

Weights = dict[str, Tensor]

FIRST = "layer1.0.conv1.weight"
_NUMBERED = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
"""Children of torchvision's ResNet in a Sequential."""
_MOMENTUM = re.compile(r"encoder_k\w*|key_encoder|\w*target\w*|\w*momentum\w*|\w*teacher\w*|\w*ema\w*")
_HEAD = re.compile(
    r"fc\d*|classifier|heads?|\w*_head|last_linear|linear|mlp|neck|queue\w*|pred|\w*proj\w*|\w*predict\w*|"
    r"\w*prototypes?\w*|\w*cluster\w*"
)
_WORD = "num_batches_tracked"


@dataclass(frozen=True, eq=False)
class Parts:
    """A file's tensors, told apart.

    Args:
        encoder: under the names of the network itself.
        classifier: ``weight`` (C, D) and ``bias`` (C,); None: it has none, or a head that is no classifier.
    """

    encoder: Weights
    classifier: Weights | None = None


def resnet_prefixes(names: Iterable[str]) -> list[str]:
    """Prefixes behind which a ResNet of torchvision's names stands, without momentum networks.

    Example:
        >>> from maskgen.trainers.pretrained.layouts import resnet_prefixes
        >>> first = "layer1.0.conv1.weight"
        >>> resnet_prefixes([f"module.encoder_q.{first}", f"module.encoder_k.{first}"])
        ['module.encoder_q.']
    """
    return online_prefixes(names, FIRST)


def online_prefixes(names: Iterable[str], first: str) -> list[str]:
    """Prefixes of `first` in names, without those of momentum networks unless there are no others."""
    found = sorted(name.removesuffix(first) for name in names if ("." + name).endswith("." + first))
    online = [prefix for prefix in found if not _is_momentum(prefix)]
    return online or found


def _is_momentum(name: str) -> bool:
    return any(_MOMENTUM.fullmatch(part) for part in name.split("."))


def name_numbered(weights: Weights) -> Weights:
    """A Sequential of a ResNet's children under torchvision's names; other tensors as they are.

    Args:
        weights: with names such as ``encoder.4.0.conv1.weight``.

    Returns:
        The same with ``encoder.layer1.0.conv1.weight``.
    """
    prefixes = tuple(
        prefix for prefix in _ends(weights, "4.0.conv1.weight") if f"{prefix}0.weight" in weights
    )
    return {_named(name, prefixes): value for name, value in weights.items()}


def _ends(weights: Weights, ending: str) -> list[str]:
    return [name.removesuffix(ending) for name in weights if ("." + name).endswith("." + ending)]


def _named(name: str, prefixes: tuple[str, ...]) -> str:
    for prefix in prefixes:
        number, dot, rest = name.removeprefix(prefix).partition(".")
        if name.startswith(prefix) and number in _NUMBERED:
            return f"{prefix}{_NUMBERED[number]}{dot}{rest}"
    return name


def split(weights: Weights, prefix: str, own: Collection[str], classifier: str = "fc") -> Parts:
    """The encoder behind a prefix, and the classifier on it.

    Args:
        weights: of the file.
        prefix: before the encoder's names.
        own: the names of the encoder's state.
        classifier: what the classifier is called.

    Raises:
        UsageError: a tensor is neither the encoder's nor a head's, a queue's or a momentum network's.
    """
    inside = {n.removeprefix(prefix): v for n, v in weights.items() if n.startswith(prefix)}
    encoder = {name: value for name, value in inside.items() if name in own}
    heads = {name: value for name, value in inside.items() if name not in own}
    foreign = [name for name in weights if not name.startswith(prefix)]
    unknown = [prefix + name for name in heads if not _is_left_out(name, classifier)]
    unknown += [name for name in foreign if not _is_left_out(name, classifier)]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise UsageError(
            f"the file holds tensors that are neither the encoder's nor a known head's: "
            f"{', '.join(unknown[:3])}{more}",
            cause="it is another network than --backbone says, or than its names look like",
            remedy="name its network with --backbone, or leave these tensors out of the file",
        )
    return Parts(encoder, _classifier(heads, prefix, classifier))


def _is_left_out(name: str, classifier: str) -> bool:
    parts = name.split(".")
    return _is_momentum(name) or any(_HEAD.fullmatch(part) or part == classifier for part in parts)


def _classifier(heads: Weights, prefix: str, name: str) -> Weights | None:
    """One linear layer on the encoder of a whole model; a projection behind ``encoder_q.`` is none."""
    weight, bias = heads.get(f"{name}.weight"), heads.get(f"{name}.bias")
    alone = sum(key.startswith(f"{name}.") for key in heads) == 2
    if prefix not in ("", "module.", "model.") or weight is None or bias is None or not alone:
        return None
    return {"weight": weight, "bias": bias} if weight.ndim == 2 and len(weight) == len(bias) else None


def complete(encoder: Weights, state: Weights) -> Weights:
    """The encoder's tensors with the counters of batches that old files lack, as the network has them."""
    lacking = {name: value for name, value in state.items() if name.endswith(_WORD) and name not in encoder}
    return {**encoder, **lacking}
