"""Rendered pictures as a `Batch`, whoever rendered them. Importing this module imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..batch import Batch, none_if_all_none
from ..options import LoaderOptions
from ..recipes.spec import Recipe
from . import draw_table
from .draw_table import Output
from .normalize import normalize

if TYPE_CHECKING:
    from .sources import Sources

Parts = tuple[Tensor | None, ...]


class BatchMaker:
    """Makes a `Batch` of a renderer's outputs.

    Its uint8 pictures are the tensors that it is given, not copies.

    Args:
        recipe: of the views.
        options: of the loader: the pictures' type, layout and device.
    """

    def __init__(self, recipe: Recipe, options: LoaderOptions) -> None:
        self._recipe = recipe
        self._dtype = getattr(torch, options.output)
        self._channels_last = options.channels_last
        self._device = torch.device(options.device)

    def batch(self, sources: Sources, outputs: Sequence[Tensor], *, by_photo: bool = False) -> Batch:
        """The batch that was rendered from its sources.

        Args:
            sources: of B rows.
            outputs: uint8, one for each of `draw_table.outputs`: masks with B·S·S values, and
                pictures (B, 3, S, S), or (B, S, S, 3) with the option `channels_last`.
            by_photo: the negatives come in the order of their photos, see `draw_table.by_photo`.
        """
        named = zip(draw_table.outputs(self._recipe), outputs, strict=True)
        made = {output: self._part(output, part) for output, part in named}
        draws, small = sources.draws, sources.taken.small
        facts = _Facts(
            boxes=np.stack([view.box for view in draws.views], axis=1),
            flips=np.stack([view.flip for view in draws.views], axis=1),
            replaced=np.stack([view.kind for view in draws.views], axis=1),
            skipped=np.stack([view.skipped for view in draws.views], axis=1),
            source=_columns([negative.source.astype(np.int64) for negative in draws.negatives]),
            matched=_columns([negative.matched for negative in draws.negatives]),
            label=small.meta["label"].astype(np.int64),
            sample=sources.taken.samples,
            key=sources.taken.keys,
        )
        return self._batch(made, facts, turned=by_photo)

    def nothing(self) -> Batch:
        """A batch of no rows."""
        made = {}
        for output in draw_table.outputs(self._recipe):
            size = self._recipe.all_views[output.view].size
            shape = (
                (0, size, size, 3) if self._channels_last and output.name != "masks" else (0, 3, size, size)
            )
            shape = (0, 1, size, size) if output.name == "masks" else shape
            made[output] = self._part(output, torch.empty(shape, dtype=torch.uint8, device=self._device))
        views, none = len(self._recipe.views), np.zeros(0, np.int64)
        extra = len(self._recipe.all_views) - views
        facts = _Facts(
            boxes=np.zeros((0, views, 4), np.float32),
            flips=np.zeros((0, views), np.bool_),
            replaced=np.zeros((0, views), np.uint8),
            skipped=np.zeros((0, views), np.bool_),
            source=np.zeros((0, extra), np.int64),
            matched=np.zeros((0, extra), np.bool_),
            label=none,
            sample=none,
            key=[],
        )
        return self._batch(made, facts, turned=False)

    def _part(self, output: Output, tensor: Tensor) -> Tensor:
        if output.name == "masks":
            size = self._recipe.views[output.view].size
            return tensor.reshape(len(tensor), 1, size, size)
        tensor = tensor.permute(0, 3, 1, 2) if self._channels_last else tensor
        return tensor if self._dtype == torch.uint8 else normalize(tensor, self._dtype)

    def _batch(self, made: dict[Output, Tensor], facts: _Facts, *, turned: bool) -> Batch:
        """`turned`: the negatives stand at the rows of their photos."""
        views = self._recipe.views

        def of(name: str) -> Parts:
            return tuple(made.get(Output(name, index)) for index in range(len(views)))

        negative, source, matched = self._negatives(made, facts, turned=turned)
        masks = of("masks")
        return Batch(
            views=tuple(made[Output("views", index)] for index in range(len(views))),
            masks=none_if_all_none(
                mask if view.masks else None for mask, view in zip(masks, views, strict=True)
            ),
            cam_masks=none_if_all_none(
                shrink_masks(mask, view.cam_masks) if mask is not None and view.cam_masks else None
                for mask, view in zip(masks, views, strict=True)
            ),
            weak=none_if_all_none(of("weak")),
            masked=none_if_all_none(of("masked")),
            kept=none_if_all_none(of("kept")),
            boxes=torch.from_numpy(facts.boxes),
            flips=torch.from_numpy(facts.flips),
            replaced=torch.from_numpy(facts.replaced),
            skipped=torch.from_numpy(facts.skipped),
            negative=negative,
            negative_source=source,
            matched=matched,
            label=torch.from_numpy(facts.label),
            key=facts.key,
            sample=torch.from_numpy(facts.sample),
        )

    def _negatives(self, made: dict[Output, Tensor], facts: _Facts, *, turned: bool) -> Parts:
        """The negatives, their sources, and whether they are matched; None each without BG_Swaps."""
        found = [part for output, part in made.items() if output.name == "negative"]
        if not found:
            return None, None, None
        source, matched = torch.from_numpy(facts.source), torch.from_numpy(facts.matched)
        if turned:
            found = [part[source[:, number].to(part.device)] for number, part in enumerate(found)]
        if len(found) == 1:
            return found[0], source[:, 0], matched[:, 0]
        return torch.stack(found, dim=1), source, matched


def _columns(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """(B, n) of n arrays (B,)."""
    return np.stack(parts, axis=1) if parts else np.zeros((0, 0))


class _Facts(NamedTuple):
    """What a batch holds beside pictures, as numpy arrays; `source` and `matched` are (B, n)."""

    boxes: NDArray[np.float32]
    flips: NDArray[np.bool_]
    replaced: NDArray[np.uint8]
    skipped: NDArray[np.bool_]
    source: NDArray[np.int64]
    matched: NDArray[np.bool_]
    label: NDArray[np.int64]
    sample: NDArray[np.int64]
    key: list[str]


def shrink_masks(masks: Tensor, side: int) -> Tensor:
    """(B, 1, S, S) masks of 0 and 255 as (B, side, side) float32 in [0, 1], the mean over each cell.

    Where `side` does not divide S, a pixel on the border of two cells counts in each by its share of it.

    Example:
        >>> import torch
        >>> half = torch.tensor([[[[255, 255, 0, 0]] * 4]], dtype=torch.uint8)
        >>> shrink_masks(half, 2).tolist()
        [[[1.0, 0.0], [1.0, 0.0]]]
    """
    shares = _cell_shares(masks.shape[-1], side).to(masks.device)
    return (shares @ (masks[:, 0].float() / 255) @ shares.T).clamp(0, 1)


def _cell_shares(length: int, cells: int) -> Tensor:
    """(cells, length) float32, how much of each cell is one of `length` pixels; the rows sum to one."""
    edges, pixel = np.arange(cells + 1)[:, None] * length / cells, np.arange(length)
    shared = np.minimum(edges[1:], pixel + 1) - np.maximum(edges[:-1], pixel)
    return torch.from_numpy((np.maximum(shared, 0) * cells / length).astype(np.float32))
