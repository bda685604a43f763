"""The DALI graph of a view: read, choose the crop from the table, decode once, resize the crop, remove backgrounds.

Importing this module imports DALI.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from nvidia.dali import fn as dali_fn
from nvidia.dali import math as dali_math
from nvidia.dali import types as dali_types
from nvidia.dali.pipeline import pipeline_def

from maskgen.loaders.crops import TRIES, UNIFORMS, constrained_crops
from maskgen.loaders.dataset import Dataset
from maskgen.loaders.views import READER, View
from maskgen.shards import coverage, naming

# DALI's own annotations know neither its element types nor half of its return types.
fn: Any = dali_fn
math: Any = dali_math
types: Any = dali_types


def build(
    dataset: Dataset, batch_size: int, view: View, *, seed: int, gpu: bool, threads: int, shuffle_buffer: int
) -> Any:
    """A built pipeline with the outputs named in views.OUTPUTS.

    Args:
        dataset: an open data set with photos and at least one sample.
        batch_size: images per batch.
        view: what to make of each image.
        seed: of the order, the crops and the coins.
        gpu: decode and resize on the GPU.
        threads: CPU threads.
        shuffle_buffer: samples among which the next one is drawn.
    """
    reader = {
        "paths": [str(dataset.tar(shard)) for shard in dataset.shards],
        "index_paths": [str(dataset.tar(shard).with_suffix(".idx")) for shard in dataset.shards],
        "initial_fill": max(1, min(shuffle_buffer, dataset.samples)),
        "shuffle_after_epoch_seed": seed,
    }
    pipeline: Any = _graph(
        reader, view, dataset.level, gpu, batch_size=batch_size, num_threads=threads, seed=seed,
        device_id=0 if gpu else None,
    )  # fmt: skip
    pipeline.build()
    return pipeline


@pipeline_def(enable_conditionals=True)
def _graph(reader: dict[str, Any], view: View, level: int, gpu: bool) -> tuple[Any, ...]:
    encoded, table, small, meta = fn.readers.webdataset(
        **reader,
        ext=[naming.PHOTO, naming.SAT, naming.FG, naming.META],
        dtypes=[types.UINT8, types.UINT16, types.UINT8, types.INT32],
        missing_component_behavior="error",
        random_shuffle=True,
        shuffle_after_epoch=True,  # the order of the tars
        pad_last_batch=True,  # an epoch never reaches into the next one
        name=READER,
    )
    source = fn.get_property(encoded, key="source_info")
    # DALI saves its own random numbers in a checkpoint, not those of Python: numpy only applies the rule.
    uniforms = fn.random.uniform(range=[0.0, 1.0], shape=[TRIES * UNIFORMS])
    box = fn.python_function(
        table, meta, uniforms, function=partial(_choose, view), num_outputs=1, batch_processing=True
    )
    photo = fn.decoders.image(
        encoded, device="mixed" if gpu else "cpu", output_type=types.RGB, adjust_orientation=False
    )
    if gpu:
        small = small.gpu()
    image = _cut(photo, box, view.size)
    soft = _cut(
        fn.reshape(small, shape=[coverage.FG_SIDE, coverage.FG_SIDE, 1], layout="HWC"), box, view.size
    )
    mask = fn.cast(soft >= level, dtype=types.UINT8) * types.Constant(255).uint8()
    # Without any foreground the view would become a flat grey: such a photo stays as it is.
    removed = fn.random.coin_flip(probability=view.bg_rm_p, dtype=types.BOOL) & (table[-1] > 0)
    grey = _grey(view)
    if removed:
        image = (
            _blend(image, soft, grey, level, view.softness) if view.softness else _replace(image, mask, grey)
        )
    image, mask = (fn.transpose(part, perm=[2, 0, 1]) for part in (image, mask))
    return image, mask, box, removed, meta, source


def _cut(picture: Any, box: Any, size: int) -> Any:
    """The (size, size) view of a box; picture and box are in relative coordinates, so sizes may differ."""
    return fn.resize(
        picture, size=[size, size], roi_start=box[:2], roi_end=box[:2] + box[2:], roi_relative=True
    )


def _grey(view: View) -> Any:
    if view.grey is None:
        return fn.random.uniform(values=[float(v) for v in range(256)], dtype=types.UINT8)
    return types.Constant(round(view.grey * 255)).uint8()


def _replace(image: Any, mask: Any, grey: Any) -> Any:
    """Grey where the mask is 0, the image where it is 255, in bits alone: cheaper than a multiplication."""
    return image ^ ((image ^ grey) & (mask ^ types.Constant(255).uint8()))


def _blend(image: Any, soft: Any, grey: Any, level: int, softness: float) -> Any:
    """The image faded into grey over mask values within softness / 2 of the threshold."""
    share = math.clamp((soft - float(level)) / (255.0 * softness) + 0.5, 0.0, 1.0)
    return fn.cast(image * share + grey * (1.0 - share), dtype=types.UINT8)


def _choose(
    view: View, tables: Sequence[NDArray[np.uint16]], metas: Sequence[NDArray[np.int32]],
    uniforms: Sequence[NDArray[np.float32]],
) -> list[NDArray[np.float32]]:  # fmt: skip
    """Boxes of a batch; the arguments are lists of arrays, one per sample."""
    lines = coverage.GRID + 1
    height = coverage.META_FIELDS.index("height")
    return list(
        constrained_crops(
            np.stack(tables).reshape(-1, lines, lines),
            np.stack(metas)[:, height : height + 2],
            np.stack(uniforms).reshape(-1, TRIES, UNIFORMS),
            scale=view.scale,
            ratio=view.ratio,
            fg_min=view.fg_min,
        )
    )
