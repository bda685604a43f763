"""BG_Swaps' extra negatives as a function of tensors, by the recipes' formulas, with the loaders' pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from maskgen.loaders.recipes.parts import Formula
from maskgen.loaders.recipes.spec import Negative
from maskgen.loaders.sampling.negatives import draw_shift

from ..errors import UsageError
from .batches import check_backgrounds, compose, foreground_shares, soft_masks


class Negatives(NamedTuple):
    """BG_Swaps' negatives; with a `count` above 1 they have a second dimension, n.

    Args:
        images: (B, C, H, W) or (B, n, C, H, W); row i shows the photo of row ``source[i]``: where it is
            matched, by the formula, else as it is.
        source: (B,) or (B, n) int64, on the CPU, permutations without fixed points.
        matched: (B,) or (B, n) bool, on the CPU.
    """

    images: Tensor
    source: Tensor
    matched: Tensor


def matched_negatives(
    images: Tensor,
    masks: Tensor,
    backgrounds: Tensor | None = None,
    *,
    p: float = 1.0,
    count: int = 1,
    formula: Formula = "prose",
    queries: tuple[Tensor, Tensor] | None = None,
    threshold: float = 0.5,
    softness: float = 0.0,
    generator: Generator | None = None,
) -> Negatives:
    """BG_Swaps' extra negatives (Ryali et al., 2.2, https://arxiv.org/abs/2103.12719).

    Another photo's foreground stands on the query's own background, so that the background alone cannot tell
    them apart. All rows are shifted alike: each photo is the source of one negative, or of `count`.

    Args:
        images: (B, C, H, W) views of the photos that become negatives, B > 1; (B, n, C, H, W) with a view for
            each of `count`.
        masks: theirs, (B, 1, H, W) or (B, H, W), or (B, n, 1, H, W) or (B, n, H, W), bool, uint8 0..255, or
            float in [0, 1].
        backgrounds: (B, C, H, W) the queries' final backgrounds; of ``prose`` alone.
        p: chance that a negative is matched to its query's background; each is drawn on its own.
        count: negatives of each query (A.3.2: 5), of other photos each while the batch has as many.
        formula: as of the recipes' `Negative`: ``prose``, the other photo's foreground on the query's
            background; ``printed``, the query's foreground before the whole other photo; ``hole``, the other
            photo through the query's silhouette.
        queries: of ``printed`` and ``hole``: the finished queries (B, C, H, W) and their masks.
        threshold: mask value, in (0, 1], from which a pixel counts as foreground.
        softness: width of the blended edge in mask values, [0, 1].
        generator: of the CPU; None: torch's own.

    Raises:
        UsageError: shapes or types that do not fit each other, a single row, a value out of its range, or
            neither backgrounds nor queries where the formula needs them.

    Example:
        >>> import torch
        >>> from maskgen.augment import matched_negatives
        >>> images = torch.arange(3.0).reshape(3, 1, 1, 1).expand(3, 3, 4, 4)
        >>> masks = torch.zeros(3, 1, 4, 4, dtype=torch.bool)
        >>> masks[:, :, :2] = True
        >>> made = matched_negatives(images, masks, images + 10)
        >>> bool((made.images[:, 0, 0, 0] == made.source).all()), made.images[:, 0, 3, 0].tolist()
        (True, [10.0, 11.0, 12.0])
        >>> made = matched_negatives(images, masks, formula="printed", queries=(images + 20, masks), count=2)
        >>> made.images[0, :, 0, 0, 0].tolist(), sorted(made.images[0, :, 0, 3, 0].tolist())
        ([20.0, 20.0], [1.0, 2.0])
    """
    Negative(p=p, count=count, formula=formula)  # refuses what is out of range
    if len(images) < 2:
        raise UsageError(
            "a negative shows another row's photo, and there is one row",
            remedy="batches of two rows and more",
        )
    soft, front = _numbered(images, masks, count)
    behind, cut = _query(formula, front[0], backgrounds, queries)
    coin, shift, *more = torch.rand((1 + count, len(images)), generator=generator).unbind()
    made = list[Negatives]()
    for number, chance in enumerate((coin, *more)):
        source = torch.from_numpy(draw_shift(shift.numpy(), number)).long()
        here = source.to(images.device)
        whole, mask = front[number][here], soft[number][here] if cut is None else cut
        seen = foreground_shares(mask, threshold) > 0
        pair = (behind, whole) if formula == "printed" else (whole, behind)
        pasted = compose(*pair, mask, threshold=threshold, softness=softness)
        matched = seen & (chance < p)
        shown = torch.where(matched.to(images.device)[:, None, None, None], pasted, whole)
        made.append(Negatives(shown, source, matched))
    if count == 1:
        return made[0]
    return Negatives(*(torch.stack(part, dim=1) for part in zip(*made, strict=True)))


def _numbered(images: Tensor, masks: Tensor, count: int) -> tuple[list[Tensor], list[Tensor]]:
    """The soft masks and the pictures of each negative, `count` times (B, ...)."""
    if images.ndim != 5:
        return [soft_masks(images, masks)] * count, [images] * count
    if images.shape[1] != count or masks.shape[1] != count:
        raise UsageError(
            f"images of shape {tuple(images.shape)} and masks of shape {tuple(masks.shape)} are not those of "
            f"{count} negatives",
            remedy="(B, n, C, H, W) and (B, n, 1, H, W) with count=n",
        )
    pictures = list(images.unbind(1))
    return [soft_masks(*pair) for pair in zip(pictures, masks.unbind(1), strict=True)], pictures


def _query(
    formula: Formula, images: Tensor, backgrounds: Tensor | None, queries: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor | None]:
    """What the formula takes of the queries: a picture, and the masks that cut it; None: the source's."""
    if formula == "prose":
        why = "the negatives stand on their queries' backgrounds"
        return check_backgrounds(images, backgrounds, why), None
    if queries is None:
        raise UsageError(
            f"the formula {formula} is of the queries, and none were given",
            remedy="queries=(views, masks)",
        )
    return queries[0], soft_masks(*queries)
