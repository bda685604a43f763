"""The one description of a training run: its views, its optimizer, and what the method itself is set to."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from typing import Any

from maskgen.config.bounds import at_least, between
from maskgen.config.fingerprint import digest
from maskgen.config.options import Option, option, options_of
from maskgen.config.suggest import nearest
from maskgen.errors import UsageError
from maskgen.loaders.recipes.spec import Recipe

from ..registry import METHOD_NAMES, TRAINER_METHODS
from .views import ViewOptions, check_fit, resolve_recipe, with_kept

_OWN = {name for row in TRAINER_METHODS.values() for name in row.reads}
"""Options that not every method reads."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All settings of a run; `--set name=value` changes one.

    A method reads the shared fields and those that its row in the registry names. `source` says where the
    values come from, `ours` names the fields whose values the paper and its code leave open, `changed` those
    a user has set, `view_changes` paths to fields of the views and the texts they were set to.

    Raises:
        UsageError: a value out of its range, or views that do not fit each other.

    Example:
        >>> from maskgen.trainers import Preset
        >>> Preset(method="simclr", recipe="simclr", epochs=100, batch_size=512, lr=0.3).peak_lr
        0.6
    """

    method: str = option(MISSING, "The method.", choices=METHOD_NAMES)
    source: str = ""
    ours: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    view_changes: tuple[tuple[str, str], ...] = ()
    # The views.
    recipe: str = option(MISSING, "The views: a name of `maskgen recipes list`, or a .toml file.")
    view_px: int = option(0, "Side of the large views, px (0: the recipe's).")
    small_px: int = option(0, "Side of the small views, px (0: the recipe's).")
    background: str = option(
        "recipe", "What replaces backgrounds.", choices=("recipe", "none", "grey", "donor")
    )
    background_p: float | None = option(
        None, "Probability of that in each view (none: the recipe's).", bounds=between(0, 1)
    )
    background_place: str = option(
        "recipe", "Before or after the photometric chain.", choices=("recipe", "before", "after")
    )
    background_small: bool = option(False, "Replace backgrounds in small views too.")
    min_confidence: float | None = option(
        None,
        "Least confidence in a photo's mask for another background (none: the recipe's).",
        bounds=between(0, 1),
    )
    fg_min: float | None = option(
        None, "Least share of the foreground in a large crop (none: the recipe's).", bounds=between(0, 1)
    )
    overlap_min: float | None = option(
        None, "Least overlap of constrained small crops (none: the recipe's).", bounds=between(0, 1)
    )
    auto_augment_p: float | None = option(
        None,
        "Probability of AutoAugment in views that may have it (none: the recipe's).",
        bounds=between(0, 1),
    )
    negative_p: float | None = option(
        None,
        "Probability that BG_Swaps' negative is matched (none: the recipe's).",
        bounds=between(0, 1),
    )
    jitter: str = option(
        "torchvision",
        "The color jitter: torchvision's ColorJitter, or one affine map, several times as fast.",
        choices=("torchvision", "affine"),
    )
    corruption: str = option("none", "Spoil the masks, see maskgen.loaders.Corruption.")
    corruption_amount: float = option(0.5, "By how much.")
    # The network.
    backbone: str = option("resnet50", "The encoder, see maskgen.trainers.networks.backbones.")
    zero_init_residual: bool = option(False, "Begin with residual branches that add nothing.")
    head_hidden: int = option(2048, "Hidden width of the head.", bounds=at_least(1))
    head_out: int = option(128, "Width of the embedding.", bounds=at_least(1))
    head: str = option("mlp", "The head's kind.", choices=("mlp", "linear"))
    predictor_hidden: int = option(512, "Hidden width of the predictor.", bounds=at_least(1))
    sync_batchnorm: int = option(
        0,
        "Images that share BatchNorm statistics over GPUs (0: those of a GPU, -1: all).",
        bounds=at_least(-1),
    )
    bn_groups: int = option(
        1,
        "Groups of a batch, over all ranks, with own BatchNorm statistics; keys are shuffled.",
        bounds=at_least(1),
    )
    # The optimizer.
    epochs: int = option(MISSING, "Epochs.", bounds=at_least(1))
    epoch_images: int = option(
        0,
        "Images that make an epoch, whatever the data set has (0: the data set's, in whole batches).",
        bounds=at_least(0),
    )
    steps: int = option(0, "Optimizer steps of the run (0: those of its epochs).", bounds=at_least(0))
    batch_size: int = option(MISSING, "Images per step over all ranks.", bounds=at_least(1))
    optimizer: str = option("sgd", "The optimizer.", choices=("sgd", "lars", "larc", "adamw"))
    lr: float = option(MISSING, "Learning rate, for a batch of 256 if it is scaled.")
    lr_scaling: str = option(
        "linear256", "linear256: times batch_size / 256.", choices=("linear256", "absolute")
    )
    lr_final: float = option(0.0, "Learning rate at the end of a cosine schedule, scaled alike.")
    warmup_epochs: float = option(0.0, "Epochs of linear warm-up.")
    warmup_start: float = option(0.0, "Learning rate at its beginning, scaled alike.")
    schedule: str = option(
        "cosine step", "How it falls.", choices=("cosine step", "cosine epoch", "steps", "constant")
    )
    milestones: tuple[int, ...] = option((), "Epochs at which `steps` falls.")
    decay: float = option(0.1, "By this factor.", bounds=between(0, 1))
    momentum: float = option(0.9, "Momentum of SGD, LARS and LARC; beta 1 of AdamW.", bounds=between(0, 1))
    nesterov: bool = option(False, "Nesterov momentum.")
    weight_decay: float = option(1e-4, "Weight decay.")
    exclude_1d: bool = option(False, "Neither weight decay nor LARS scaling for biases and norms.")
    trust: float = option(1e-3, "Trust coefficient of LARS and LARC.")
    clip_norm: float = option(0.0, "Clip the gradient's norm (0: do not).")
    # The method.
    temperature: float = option(0.2, "Temperature of the loss.", bounds=at_least(1e-3))
    queue: int = option(65536, "Rows of the queue (SwAV: 0 without).")
    symmetric: bool = option(
        False, "Also match view 1, the query, with view 0, the key; more than two views always do."
    )
    enqueue: str = option(
        "keys",
        "What the queue takes: the keys; own: replaced ones on their own backgrounds; negatives: also "
        "BG_Swaps'.",
        choices=("keys", "own", "negatives"),
    )
    queue_start_epoch: int = option(15, "Epoch from which the queue is filled.")
    ema: float = option(0.999, "Momentum of the second network.", bounds=between(0, 1))
    ema_final: float = option(1.0, "To which it rises by a cosine.", bounds=between(0, 1))
    prototypes: int = option(3000, "Prototypes.", bounds=at_least(2))
    epsilon: float = option(0.05, "Entropy of the codes.", bounds=at_least(0.025))
    sinkhorn_iterations: int = option(3, "Sinkhorn iterations.", bounds=at_least(1))
    freeze_prototypes: int = option(0, "Steps before the prototypes move.")
    negatives: int = option(10, "Negatives of each anchor.", bounds=at_least(1))
    contrast_weight: float = option(1.0, "Weight of the contrast.")
    invariance_weight: float = option(1.0, "Weight of the divergence, beta.")
    same_view_pairs: bool = option(True, "Also pair a view with itself.")
    divergence: str = option(
        "views",
        "What likelihoods are compared with: those of the same two views swapped (equation 2; small views, "
        "which have no target, with the column), or always the column of one matrix.",
        choices=("views", "column"),
    )
    attention_weight: float = option(3.0, "Weight of the attention loss, lambda.")
    normalize_weights: bool = option(True, "Divide the loss by 1 + lambda, as the code.")
    attention_map: str = option("relu", "relu (paper) or minmax (code).", choices=("relu", "minmax"))
    attention_over: str = option(
        "image", "Cosine per image or over the batch (code).", choices=("image", "batch")
    )
    cam_px: int = option(0, "Side of the masks for Grad-CAM (0: the recipe's).")
    neighbors: int = option(20, "Neighbors, k.", bounds=at_least(1))
    neighbor_weight: float = option(0.4, "Weight of their loss, lambda.")
    neighbor_start_epoch: float = option(5.0, "Epoch from which they count.")
    neighbor_features: str = option(
        "backbone",
        "What they are near by: features before the head or after it.",
        choices=("backbone", "head"),
    )
    mine_enqueued: bool = option(False, "Look for them among the step's own anchors too.")
    framework: str = option("byol", "What MSR is built on.", choices=("byol", "simsiam"))
    msr_beta: float = option(0.4, "First weight of aggressive pairs.", bounds=between(0, 1))
    msr_schedule: str = option("cosine", "How it falls to 0, or that it stays.", choices=("cosine", "fixed"))
    fixed_predictor_lr: bool = option(True, "The predictor's rate does not fall.")

    def __post_init__(self) -> None:
        for one in options(self.method):
            one.check(getattr(self, one.name))
        if self.queue < 1 and self.method != "swav" and "queue" in TRAINER_METHODS[self.method].reads:
            raise UsageError(
                f"queue must be at least 1 for {self.method}, got {self.queue}",
                remedy="for example --set queue=65536",
            )
        check_fit(self.method, self.recipe, self.views)

    @property
    def view_options(self) -> ViewOptions:
        """The fields that shape the views."""
        return ViewOptions(**{f.name: getattr(self, f.name) for f in dataclasses.fields(ViewOptions)})

    @property
    def views(self) -> Recipe:
        """The recipe with this preset's changes, for the loader."""
        made = resolve_recipe(self.view_options)
        return with_kept(made, self.recipe, self.enqueue, symmetric=self.symmetric)

    @property
    def lr_factor(self) -> float:
        """By which lr, lr_final and warmup_start are multiplied."""
        return self.batch_size / 256 if self.lr_scaling == "linear256" else 1.0

    @property
    def peak_lr(self) -> float:
        """The highest learning rate of the run."""
        return self.lr * self.lr_factor


def options(method: str) -> list[Option]:
    """What a run of this method reads, in order.

    Raises:
        UsageError: there is no such method.
    """
    if method not in METHOD_NAMES:
        raise UsageError(f"unknown method {method!r}", remedy=nearest(method, METHOD_NAMES))
    own = TRAINER_METHODS[method].reads
    return [one for one in options_of(Preset).values() if one.name not in _OWN or one.name in own]


def resolved(preset: Preset) -> dict[str, Any]:
    """All that a run depends on, as JSON values.

    The fields its method reads, and every number of its views.
    """
    shaping = {f.name for f in dataclasses.fields(ViewOptions)}
    names = [one.name for one in options(preset.method) if one.name not in shaping]
    return {**{name: _plain(getattr(preset, name)) for name in names}, "views": _plain(preset.views)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        return {str(number): _plain(part) for number, part in enumerate(value)}
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def fingerprint(preset: Preset) -> str:
    """SHA-256 hex of `resolved`: equal for two presets that train alike, whatever their names."""
    return digest(resolved(preset))


def render(preset: Preset) -> str:
    """The fields that the run reads, one per line, with a word on those not from the paper or its code."""
    lines = [f"# {preset.source}"] if preset.source else []
    for one in options(preset.method):
        value = getattr(preset, one.name)
        text = f'"{value}"' if isinstance(value, str) else str(value).lower()
        mark = "our choice" if one.name in preset.ours else ""
        mark = "set by you" if one.name in preset.changed else mark
        lines.append(f"{one.name} = {text}" + (f"  # {mark}" if mark else ""))
    lines += [f"{path} = {text}  # set by you" for path, text in preset.view_changes]
    return "\n".join(lines)
