"""The DALI graph of a recipe: decode once, then make every view. Nothing in it is random.

Two graphs make the same pictures of the same inputs. `_rendered` (CPU) leaves all that follows the decoder to
one python_function, `render.Renderer`. `operators.graph` (GPU, or CPU) uses DALI's own operators, several
times slower on a CPU. Importing this module imports DALI.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from nvidia.dali import fn as dali_fn
from nvidia.dali import types as dali_types
from nvidia.dali.pipeline import pipeline_def

from maskgen.shards import coverage

from ..options import LoaderOptions
from ..pixels import draw_table
from ..pixels.render import Renderer
from ..recipes.spec import Recipe
from ..sampling.view_draws import DONOR, PASTE
from .operators import ViewGraph

# DALI's own annotations know neither its element types nor half of its return types.
fn: Any = dali_fn
types: Any = dali_types

PHOTO, DRAWS, MASK, DONORS, SHOWN = "photo", "draws", "mask", "donors", "shown"


def build(
    recipe: Recipe,
    batch_size: int,
    options: LoaderOptions,
    *,
    level: int,
    patched: bool = False,
    gpu: int | None = None,
) -> Any:
    """A built pipeline with the outputs of `draw_table.outputs`.

    Its inputs are fed with `feed_input`. ``photo``: B encoded JPEGs. ``draws``: (B, V, 52) float32, see
    `draw_table.as_floats`; for the graph of operators `draw_table.by_photo`. ``mask``: (B, 128, 128) uint8,
    when the recipe needs masks, (B, V, 128, 128) when it corrupts them. Backgrounds,
    when it needs them: for the rendered graph ``donors``, B encoded
    JPEGs, and ``shown``, (B,) bool, which of them are real; for the graph of operators ``donors0``,
    ``donors1``, ... for each view that may show one, B encoded JPEGs, real in rows of kind 2.

    Args:
        recipe: what to make.
        batch_size: the most rows of a batch.
        options: of the loader.
        level: the smallest mask value that counts as foreground, 1..255.
        patched: the stored backgrounds are patches that lie on their photos.
        gpu: number of the GPU that decodes and computes; None: the CPU.
    """
    common: dict[str, Any] = {
        "batch_size": batch_size,
        "num_threads": options.threads,
        "device_id": gpu,
        "prefetch_queue_depth": options.prefetch,
    }
    last = options.channels_last
    pipeline: Any
    if options.operators:
        pipeline = _operated(recipe, level, patched, gpu is not None, last, **common)
    else:
        renderer = Renderer(recipe, level, threads=options.threads, channels_last=last)
        pipeline = _rendered(recipe, renderer, **common)
    pipeline.build()
    return pipeline


def build_decoder(*, gpu: int | None) -> Any:
    """A pipeline that decodes ``photo``, one at a time: it tells which photo of a batch cannot be."""
    pipeline: Any = _decoder(
        gpu is not None, batch_size=1, num_threads=1, device_id=gpu, prefetch_queue_depth=1
    )
    pipeline.build()
    return pipeline


def donor_input(view: int) -> str:
    """Name of the input with the backgrounds that a view of the graph of operators shows."""
    return f"{DONORS}{view}"


def _input(name: str, dtype: Any, ndim: int) -> Any:
    return fn.external_source(name=name, dtype=dtype, ndim=ndim, no_copy=True)


def _decode(encoded: Any, *, gpu: bool) -> Any:
    return fn.decoders.image(
        encoded, device="mixed" if gpu else "cpu", output_type=types.RGB, adjust_orientation=False
    )


@pipeline_def
def _decoder(gpu: bool) -> Any:
    return _decode(_input(PHOTO, types.UINT8, 1), gpu=gpu)


@pipeline_def(enable_conditionals=True)
def _rendered(recipe: Recipe, renderer: Renderer) -> Any:
    inputs = [_decode(_input(PHOTO, types.UINT8, 1), gpu=False), _input(DRAWS, types.FLOAT, 2)]
    if recipe.needs_masks:
        inputs.append(_input(MASK, types.UINT8, 2 if recipe.corruption is None else 3))
    if recipe.needs_backgrounds:
        encoded, shown = _input(DONORS, types.UINT8, 1), _input(SHOWN, types.BOOL, 0)
        if shown:
            pictures = _decode(encoded, gpu=False)
        else:
            pictures = types.Constant(np.zeros((1, 1, 3), np.uint8), layout="HWC", device="cpu")
        inputs.append(pictures)
    count = len(draw_table.outputs(recipe))
    made = fn.python_function(*inputs, function=renderer.lists, num_outputs=count, batch_processing=True)
    return tuple(made) if count > 1 else made


@pipeline_def(enable_conditionals=True)
def _operated(recipe: Recipe, level: int, patched: bool, gpu: bool, channels_last: bool) -> Any:
    photo = _decode(_input(PHOTO, types.UINT8, 1), gpu=gpu)
    rows = _input(DRAWS, types.FLOAT, 2)
    views = recipe.all_views
    given: list[Any] = [None] * len(views)
    if recipe.needs_masks:
        masks = _input(MASK, types.UINT8, 2 if recipe.corruption is None else 3)
        one_each = recipe.corruption is not None
        given = [_square(masks[view] if one_each else masks, gpu) for view in range(len(views))]
    made: list[Any] = []
    finished: list[Any] = []
    for index, view in enumerate(views):
        kinds, fill = draw_table.kinds(recipe, index), draw_table.fill_color(recipe, index)
        graph = ViewGraph(view, rows[index], kinds=kinds, fill=fill, level=level, gpu=gpu)
        if DONOR in kinds:
            encoded = _input(donor_input(index), types.UINT8, 1)
            graph.set_backgrounds(encoded, photo if patched else None)
        if recipe.negative is not None and PASTE in kinds:
            of = recipe.negative.background_of
            graph.set_query(recipe.negative.formula, finished[of], given[of], rows[of])
        parts = graph.outputs(photo, given[index])
        finished.append(parts[0])
        made += parts
    if channels_last:
        return tuple(made)
    return tuple(fn.transpose(part, perm=[2, 0, 1]) for part in made)


def _square(mask: Any, gpu: bool) -> Any:
    """A soft mask as a picture, where the pictures are."""
    square = fn.reshape(mask, shape=[coverage.FG_SIDE, coverage.FG_SIDE, 1], layout="HWC")
    return square.gpu() if gpu else square
