"""`eval-ssl retrieval`: segments of VOC's val named by the nearest ones of its train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from maskgen.config.counted import counted
from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.evaluation.pairs import open_masks
from maskgen.evaluation.reading import Blob
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.segmentation.segmented import Segmented
from maskgen.trainers.datasets.segmentation.voc import CLASSES, open_voc_segmentation
from maskgen.trainers.distributed.ranks import rank
from maskgen.types import RGB

from ..dense_maps import DenseMaps
from ..frozen import FrozenConfig, write_result
from ..parts import Arrays, Parts, Say
from .confusion import class_ious, count_pixels
from .neighbors import nearest_labels
from .regions import Regions, cluster_regions, masked_region, read_mask

SIDE, CLUSTERS, STRIDE, LAYER = 512, 15, 16, "layer4"
SEVEN = ("bus", "aeroplane", "car", "person", "cat", "cow", "bottle")
"""The classes of the smaller figure, as in Hwang et al. 2019, https://arxiv.org/abs/1910.06962."""
_PART = 50


@dataclass(frozen=True, kw_only=True)
class RetrievalConfig(FrozenConfig):
    """What `run_retrieval` is asked.

    Args:
        data: VOC2012, or the folder that it was unpacked in.
        masks: shards or a folder of masks of its photos, in place of K-means; None: K-means.
        clusters: K.
        layer: whose maps are taken.
        stride: of the maps of a ResNet, px, the layers behind dilated; 0: the network's own.
        side: that photos are squeezed to, px.
        train: the list that names.
        test: the list that is named.
    """

    data: Path
    masks: Path | None = None
    clusters: int = CLUSTERS
    layer: str = LAYER
    stride: int = STRIDE
    side: int = SIDE
    train: str = "train"
    test: str = "val"


def run_retrieval(
    config: RetrievalConfig, *, say: Say = lambda _text: None, stop: StopSignals | None = None
) -> dict[str, Any]:
    """Mean IoU of val's regions named by train's, written to retrieval.json.

    https://arxiv.org/abs/2106.05967, appendix A.7: 512 x 512 px, layer4 of a ResNet-50 with dilation 2 and
    stride 1, K-means with K = 15 in each photo; a region of val has the class of the nearest of train, the
    class of most of its pixels. The paper says that its maps are 64 x 64, which dilation of layer4 alone does
    not give (stride 16: 32 x 32): ``stride=8`` dilates layer3 too. Nearest is by cosine; the paper is silent.

    With masks, the variant of MaskContrast, https://arxiv.org/abs/2102.06191: the foreground is the only
    region, its class that of most of its pixels that are not background; everything else is background.

    Args:
        config: what to judge, on what.
        say: told how far it is.
        stop: asked between parts; what is done then is kept in the folder retrieval.

    Returns:
        What the file holds: ``miou_21`` and ``miou_7`` from 0 to 1, ``ious`` by class, ``unpaired``: photos
            without a mask, where there should be one; and what they depend on.

    Raises:
        MaskgenError: the encoder, the photos or the masks cannot be read.
        Interrupted: a signal asked for it.

    Example:
        >>> from pathlib import Path
        >>> import torch
        >>> from maskgen.trainers import RetrievalConfig, run_retrieval
        >>> encoder = {"checkpoint": "random", "backbone": "tiny", "device": torch.device("cpu")}
        >>> maps = {"layer": "layer3", "stride": 0, "side": 96, "clusters": 4}
        >>> config = RetrievalConfig(
        ...     **encoder, **maps, data=Path("segmentation"), output=Path("retrieval")
        ... )
        >>> 0 <= run_retrieval(config)["miou_21"] <= 1
        True
    """
    sets = {split: open_voc_segmentation(config.data, split) for split in (config.train, config.test)}
    cutter = _Cutter.open(config)
    unpaired = cutter.count_unpaired([name for images in sets.values() for name in images.names])
    if unpaired and rank() == 0:
        what = counted(unpaired, "photo has", "photos have")
        say(f"note: {what} no mask: all that is in such a photo counts as background")
    question = {
        **config.facts(),
        "data": digest([found.fingerprint() for found in sets.values()]),
        "masks": cutter.mark,
        **{name: getattr(config, name) for name in ("clusters", "layer", "stride", "side", "train", "test")},
    }
    found = {}
    for split, images in sets.items():
        parts = Parts(config.output / "retrieval" / split, question, say, stop)
        names = [str(number) for number in range(-(-len(images) // _PART))]
        made = parts.compute(names, partial(cutter.cut, images))
        found[split] = {key: np.concatenate([part[key] for part in made]) for key in Regions._fields}
    table = name_regions(found[config.train], found[config.test], masked=config.masks is not None)
    counts = {"regions": len(found[config.test]["vectors"]), "unpaired": unpaired}
    result = {**question, **summarize(table), **counts}
    write_result(config.output / "retrieval.json", result)
    return result


@dataclass(frozen=True, eq=False)
class _Cutter:
    """Cuts photos into regions."""

    config: RetrievalConfig
    maps: DenseMaps
    masks: Mapping[str, Blob] | None
    level: int
    mark: str

    @classmethod
    def open(cls, config: RetrievalConfig) -> _Cutter:
        maps = DenseMaps(config.encoder.network, config.layer, stride=config.stride, dilate=True)
        if config.masks is None:
            return cls(config, maps, None, 0, "")
        opened = open_masks(config.masks)
        blobs = {name: entry.mask for entry in opened.entries for name in entry.names}
        mark = digest([opened.cut, sorted((n, b.size, b.crc32c or _size(b)) for n, b in blobs.items())])
        return cls(config, maps, blobs, opened.cut, mark)

    def count_unpaired(self, names: Sequence[str]) -> int:
        """How many of the photos have no mask; 0 with K-means.

        Raises:
            UsageError: none has one.
        """
        lost = 0 if self.masks is None else sum(name not in self.masks for name in names)
        if lost and lost == len(names):
            raise UsageError(
                "no photo has a mask",
                where=str(self.config.masks),
                cause=f"they pair by the stem of the file's name, as {names[0]}, shards also by key",
                remedy="name the masks as the photos, or give shards made of these photos",
            )
        return lost

    def cut(self, images: Segmented, part: str) -> Arrays:
        start = int(part) * _PART
        numbers = range(start, min(start + _PART, len(images)))
        each = [self._cut_one(images, number) for number in numbers]
        return {
            "vectors": np.concatenate([one.vectors for one in each]),
            "counts": np.concatenate([one.counts for one in each]),
            "rest": np.stack([one.rest for one in each]),
        }

    def _cut_one(self, images: Segmented, number: int) -> Regions:
        photo, truth = images.pair(number)
        maps = self._maps(photo)
        if self.masks is None:
            return cluster_regions(maps, truth, self.config.clusters, [self.config.seed, number])
        size, blob = (truth.shape[0], truth.shape[1]), Blob(str(images.truths[number]))
        mask = read_mask(self.masks, images.names[number], size, self.level, blob)
        return masked_region(maps, truth, mask)

    def _maps(self, photo: RGB) -> NDArray[np.float32]:
        config = self.config
        square = cv2.resize(photo, (config.side, config.side), interpolation=cv2.INTER_LINEAR)
        picture = torch.from_numpy(np.asarray(square)).permute(2, 0, 1)[None].to(config.device)
        return self.maps(config.encoder.normalize(picture))[0].float().cpu().numpy()


def _size(blob: Blob) -> int:
    return Path(blob.file).stat().st_size


def name_regions(
    train: Mapping[str, NDArray[Any]], test: Mapping[str, NDArray[Any]], *, masked: bool
) -> NDArray[np.int64]:
    """The (C, C) table of pixels, true class down, after each region of `test` was named by `train`.

    Args:
        train: ``vectors`` and ``counts`` of regions.
        test: the same and ``rest``, whose pixels are answered as background.
        masked: whether background does not count for the class of a region of `train`.

    Raises:
        UsageError: no region of `train` has a class.
    """
    counts = train["counts"].copy()
    if masked:
        counts[:, 0] = 0
    known = counts.sum(1) > 0
    if not known.any():
        raise UsageError(
            "no region of train has a class", remedy="check the masks: `maskgen preview` shows them"
        )
    bank, labels = train["vectors"][known], counts[known].argmax(1)
    answers = nearest_labels(*map(torch.from_numpy, (test["vectors"], bank, labels))).numpy()
    table = count_pixels(test["counts"], answers)
    table[:, 0] += test["rest"].sum(0)
    return table


def summarize(table: NDArray[np.int64]) -> dict[str, Any]:
    """The figures of a (C, C) table; classes that are nowhere do not count in a mean."""
    ious = dict(zip(CLASSES, class_ious(table).tolist(), strict=True))
    seven = [ious[name] for name in SEVEN]
    means = {
        f"miou_{len(part)}": float(np.nanmean(part))
        for part in (list(ious.values()), seven)
        if not np.isnan(part).all()
    }
    return {**means, "ious": {name: None if np.isnan(iou) else iou for name, iou in ious.items()}}
