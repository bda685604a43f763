"""Linear classifiers in files: trained once, used on every later test set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskgen.errors import ShardFault, UsageError
from maskgen.io.atomic import write_atomic

from ..distributed.ranks import all_sum
from ..pretrained.encoder import Encoder

OWN = "own"
"""In the place of a file: the checkpoint's own classifier."""
_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Makes features comparable to what a head was trained on.

    Args:
        mean: (D,) of the training features at length 1; None: features stay as they are.
        deviation: (D,) likewise.
    """

    mean: Tensor | None = None
    deviation: Tensor | None = None

    @classmethod
    def fit(cls, features: Tensor) -> Standardizer:
        """From (n, D) training features of each rank."""
        rows = functional.normalize(features.float(), dim=1).double()
        count = float(all_sum(torch.tensor(len(rows))))
        mean = all_sum(rows.sum(0)) / count
        variance = all_sum((rows - mean).square().sum(0)) / (count - 1)
        return cls(mean.float(), variance.sqrt().float().clamp_min(1e-6))

    def __call__(self, features: Tensor) -> Tensor:
        """(B, D) to (B, D)."""
        if self.mean is None or self.deviation is None:
            return features
        return (functional.normalize(features, dim=1) - self.mean) / self.deviation


@dataclass(frozen=True, eq=False)
class Head:
    """A linear classifier on an encoder's features.

    Args:
        layer: (B, D) to (B, C).
        standard: what features go through before.
        names: of its classes by number; empty: only numbers are known.
        facts: what it was trained on: ``checkpoint_sha256``, ``side``, ``share``, ``interpolation`` and more.
    """

    layer: nn.Linear
    standard: Standardizer = field(default_factory=Standardizer)
    names: Mapping[int, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def logits(self, features: Tensor) -> Tensor:
        """(B, D) features to (B, C)."""
        scores: Tensor = self.layer(self.standard(features.float()))
        return scores


def save_head(path: Path, head: Head) -> None:
    """Write a head as .safetensors: ``weight``, ``bias``; ``mean`` and ``deviation`` where it has them.

    The same head always gives the same bytes: what is known of it is one text, since several have no order.
    """
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in head.layer.state_dict().items()}
    if head.standard.mean is not None and head.standard.deviation is not None:
        tensors |= {"mean": head.standard.mean.cpu(), "deviation": head.standard.deviation.cpu()}
    names = {str(number): name for number, name in head.names.items()}
    said = json.dumps({**head.facts, "names": names})
    write_atomic(path, save(tensors, metadata={"result": said}))


def load_head(source: str, encoder: Encoder, device: torch.device) -> Head:
    """A head from a file that `eval-ssl linear` wrote, or ``own``: the checkpoint's own classifier.

    Args:
        source: of these.
        encoder: whose features it is for.
        device: to put it on.

    Raises:
        UsageError: there is no such head, or it is another encoder's.
        ShardFault: the file is damaged.
    """
    head = _own(encoder) if source == OWN else _read(Path(source), device)
    if head.layer.in_features != encoder.dim:
        raise UsageError(
            f"the head takes {head.layer.in_features} features, the backbone gives {encoder.dim}",
            where=source,
            remedy="give the checkpoint that the head was trained on",
        )
    trained = head.facts.get("checkpoint_sha256", encoder.facts["checkpoint_sha256"])
    if trained != encoder.facts["checkpoint_sha256"]:
        raise UsageError(
            "the head was trained on another checkpoint",
            where=source,
            cause=f"on that of SHA-256 {trained[:12]}...",
            remedy="give the checkpoint that the head was trained on",
        )
    return replace(head, layer=head.layer.to(device))


def _own(encoder: Encoder) -> Head:
    if encoder.classifier is None:
        raise UsageError(
            "the checkpoint has no classifier of its own",
            remedy="train one with `eval-ssl linear`, and give its linear.safetensors to --head",
        )
    names = json.loads(encoder.facts.get("names", "{}"))
    layer = linear_layer(encoder.classifier["weight"], encoder.classifier["bias"])
    return Head(layer, names={int(number): name for number, name in names.items()})


def _read(path: Path, device: torch.device) -> Head:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            names = file.keys()
            tensors = {name: file.get_tensor(name).to(device) for name in names}
        facts = dict(json.loads(said["result"]))
        classes = {int(number): str(name) for number, name in dict(facts.pop("names", {})).items()}
        layer = linear_layer(tensors["weight"], tensors["bias"])
        standard = Standardizer(*(_vector(tensors.get(one), layer) for one in ("mean", "deviation")))
    except FileNotFoundError as error:
        raise UsageError(
            "there is no such head",
            where=str(path),
            remedy="give the linear.safetensors of `eval-ssl linear`",
        ) from error
    except (SafetensorError, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ShardFault(
            "cannot read a head",
            where=str(path),
            cause=f"it has no {error}" if isinstance(error, KeyError) else str(error)[:200],
            remedy="give the linear.safetensors of `eval-ssl linear`, or own",
        ) from error
    return Head(layer, standard, classes, facts)


def _vector(values: Tensor | None, layer: nn.Linear) -> Tensor | None:
    """Values of the head's features, if there are any.

    Raises:
        ValueError: they are not as many as the features.
    """
    if values is not None and values.shape != (layer.in_features,):
        raise ValueError(f"{tuple(values.shape)} values for {layer.in_features} features")
    return values


def linear_layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A frozen layer of (C, D) weights and (C,) biases, without drawing random ones first."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.load_state_dict({"weight": weight.float(), "bias": bias.float()}, assign=True)
    layer.requires_grad_(False)
    return layer


@torch.no_grad()
def accuracies(head: Head, features: Tensor, labels: Tensor) -> dict[str, float]:
    """Top-1, top-5 and mean per class accuracy in [0, 1], over the rows of all ranks together.

    Top-5 of fewer classes is of all; classes without an image do not count in the mean.

    Args:
        head: the classifier.
        features: (m, D), this rank's.
        labels: (m,) int64.

    Returns:
        ``top1``, ``top5`` and ``per_class``.
    """
    classes = head.layer.out_features
    right = torch.zeros(2, dtype=torch.float64)
    seen, hit = torch.zeros(2, classes, dtype=torch.float64)
    for rows, truth in zip(torch.split(features, _ROWS), torch.split(labels, _ROWS), strict=True):
        best = head.logits(rows).topk(min(5, classes), dim=1).indices
        hits = (best == truth[:, None]).cpu()
        right += torch.stack([hits[:, 0].sum(), hits.any(1).sum()])
        seen += torch.bincount(truth.cpu(), minlength=classes)
        hit += torch.bincount(truth.cpu()[hits[:, 0]], minlength=classes)
    right, seen, hit = all_sum(right), all_sum(seen), all_sum(hit)
    there = seen > 0
    first, fifth = (right / seen.sum()).tolist()
    return {"top1": first, "top5": fifth, "per_class": float((hit[there] / seen[there]).mean())}
