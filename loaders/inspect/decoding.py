"""Decoding alone: the rate that no loader can exceed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from maskgen.errors import ShardFault
from maskgen.shards import naming

from ..reading.samples import SampleReader
from .workload import Workload

if TYPE_CHECKING:
    from numpy.typing import NDArray


def decoded(workload: Workload) -> Generator[Any, None, None]:
    """Batches of the photos' shapes, without end: read and decoded by DALI, and nothing else.

    Raises:
        ShardFault: a photo cannot be decoded.
    """
    reader = SampleReader(workload.dataset, (naming.PHOTO,), on_error="skip")
    pipeline = _decoder(workload, gpu=workload.device == "cuda")
    fed = []

    def feed(samples: NDArray[np.int64]) -> None:
        fed.append(reader.take(samples, (naming.PHOTO,)))  # DALI reads these bytes until the batch is out
        pipeline.feed_input("photo", fed[-1].encoded[naming.PHOTO])

    batches = _cycle(workload)
    feed(next(batches))
    feed(next(batches))
    pipeline.schedule_run()  # the first time as many as it prefetches, two; then one each time
    try:
        for samples in batches:
            shapes = _landed(pipeline)
            feed(samples)
            pipeline.schedule_run()
            del fed[:-2]
            yield shapes
    except GeneratorExit:
        _landed(pipeline)
        _landed(pipeline)
        raise
    finally:
        reader.close()


def _landed(pipeline: Any) -> Any:
    try:
        return pipeline.share_outputs()
    except RuntimeError as error:
        raise ShardFault(
            "a photo cannot be decoded", cause=str(error).splitlines()[0], remedy="maskgen verify --full"
        ) from error
    finally:
        pipeline.release_outputs()


def _decoder(workload: Workload, *, gpu: bool) -> Any:
    from nvidia.dali import fn as dali_fn
    from nvidia.dali import types as dali_types
    from nvidia.dali.pipeline import Pipeline

    fn, types, make = (
        cast("Any", part) for part in (dali_fn, dali_types, Pipeline)
    )  # half of it has no types
    number = None
    if gpu:
        import torch

        number = torch.cuda.current_device()
    pipeline: Any = make(workload.batch_size, workload.threads, number, prefetch_queue_depth=2)
    with pipeline:
        photo = fn.external_source(name="photo", dtype=types.UINT8, ndim=1, no_copy=True)
        image = fn.decoders.image(
            photo, device="mixed" if gpu else "cpu", output_type=types.RGB, adjust_orientation=False
        )
        # Next to nothing is copied out; on a GPU a pixel too: shapes are known before pixels are there.
        pipeline.set_outputs(image.shape(), *([image[0:1, 0:1]] if gpu else []))
    pipeline.build()
    return pipeline


def _cycle(workload: Workload) -> Iterator[NDArray[np.int64]]:
    order, step = workload.dataset.order(0, 0), 0
    while True:
        places = np.arange(step * workload.batch_size, (step + 1) * workload.batch_size)
        yield np.asarray(order[places % workload.dataset.samples], np.int64)
        step += 1
