"""Masks joined to the samples of a webdataset pipeline over the originals."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from maskgen.errors import ShardFault, UsageError
from maskgen.shards.naming import safe_key

from ..reading.masks import MaskReader

_FIRST = 100
"""Samples, none of which has a mask, that are taken for those of another data set."""
MISSING = ("drop", "raise")


class WithMasks:
    """A stage of a webdataset pipeline that gives each sample its mask from shards of the layout ``sidecar``.

    The mask of a sample is found by its ``__key__``, whatever order or tar it comes from, so that pipelines
    may shuffle and split as they like. It can be pickled; each worker reads for itself.

    Args:
        masks: the shards: a folder, an address in an object store, or a `MaskReader`.
        field: of the sample that the mask becomes.
        hard: (H, W) bool at the photo's size, what the shards count as foreground, rather than the soft
            (h, w) uint8 mask as it is stored.
        missing: what becomes of a sample without a mask, such as a photo in quarantine: ``drop`` leaves it
            out, counts it in `dropped` (each worker its own), and warns of the first
            one; ``raise`` is an error. When none of the
            first hundred has one, or none of a whole pass, it is an error in any case.

    Raises:
        ShardFault: the folder is not what its manifest says.
        UsageError: `missing` is unknown.

    Example:
        ```python
        import webdataset as wds
        from maskgen.loaders import WithMasks

        originals = wds.WebDataset("originals/part-{0..2}.tar", shardshuffle=False)
        pipeline = originals.decode("rgb8").compose(WithMasks("masks/"))
        ```
    """

    def __init__(
        self,
        masks: str | os.PathLike[str] | MaskReader,
        *,
        field: str = "mask",
        hard: bool = False,
        missing: str = "drop",
    ) -> None:
        if missing not in MISSING:
            raise UsageError(
                f"unknown missing={missing!r}",
                arguments=[("missing", " | ".join(MISSING))],
                remedy="take one of these",
            )
        self.masks = masks if isinstance(masks, MaskReader) else MaskReader(os.fspath(masks))
        self.field, self.hard, self.missing = field, hard, missing
        self.dropped = 0
        self._joined = 0

    def __call__(self, samples: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Samples with their masks.

        Raises:
            ShardFault: a sample has no mask and `missing` is ``raise``, or none has one; or a mask is
                damaged.
        """
        read = self.masks.hard if self.hard else self.masks.__getitem__
        for sample in samples:
            key = safe_key(sample["__key__"])
            try:
                mask = read(key)
            except KeyError:
                self._leave_out(sample)
                continue
            self._joined += 1
            yield {**sample, self.field: mask}
        if self.dropped and not self._joined:
            raise self._foreign(f"none of {self.dropped} samples has a mask", "")

    def _leave_out(self, sample: dict[str, Any]) -> None:
        where = f"{sample.get('__url__', 'the originals')} {sample['__key__']}"
        self.dropped += 1
        if not self._joined and self.dropped == _FIRST:
            raise self._foreign(f"none of the first {_FIRST} samples has a mask", f"; one of them is {where}")
        if self.missing == "raise":
            raise ShardFault(
                "a sample has no mask",
                where=where,
                cause="its photo is in quarantine, or the masks are those of other originals",
                remedy="maskgen status MASKS lists the quarantine",
                arguments=[("missing", "drop")],
            )
        if self.dropped == 1:
            warnings.warn(f"{where} has no mask and is left out; `dropped` counts such samples", stacklevel=3)

    def _foreign(self, what: str, example: str) -> ShardFault:
        return ShardFault(
            what,
            where=self.masks.dataset.where,
            cause=f"the masks were made of other originals{example}",
            remedy="give the masks of these originals",
        )
