"""Batches of views through torch and OpenCV, where DALI cannot run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import EnvironmentFault
from maskgen.types import RGB

from ..base import EpochLoader, open_shards
from ..batch import Batch
from ..dataset.dataset import Dataset
from ..options import LoaderOptions
from ..pixels.sources import SourceReader, Sources, tiles_anew
from ..prefetch import StepsAhead
from ..reading.broken import BrokenSample
from ..reading.samples import SampleReader
from ..recipes.spec import Recipe, View
from .decode import decode

if TYPE_CHECKING:
    from ..pixels.outputs import BatchMaker
    from ..pixels.render import Renderer


class TorchLoader(EpochLoader[Dataset, SampleReader]):
    """The arguments, epochs and batches of `DaliLoader`, without DALI.

    The pixels are those of `DaliLoader` on a CPU, made by the same renderer: bit by bit, as long as both
    decode a JPEG alike. OpenCV decodes here, and its libjpeg-turbo and DALI's give the same pixels. (On a
    GPU, and with `operators`, DALI's pixels differ by rounding, and in the outermost ones of a view.)

    Args:
        dataset: from `open_dataset`, or the folder that it would open.
        batch_size: images per batch and rank.
        recipe: what to make of each image: a name in `RECIPES`, a recipe, or a sequence of views.
        seed: of the order and of all draws.
        device: ``cpu``, or ``cuda`` to hand out tensors on torch's current GPU: views are made on the CPU as
            uint8 and copied there, where they are normalized if `output` says so.
        threads: CPU threads that decode and render.
        rank: 0..world-1.
        world: ranks that share each epoch.
        last: ``drop``, ``pad`` or ``partial``, see `Schedule`.
        on_error: ``raise``, or ``skip`` to put other samples in the place of damaged ones.
        prefetch: batches made ahead.
        output: ``uint8``, or ``float32``, ``float16`` or ``bfloat16`` normalized with ImageNet's mean and
            deviation.
        channels_last: pictures in torch's channels-last memory format.
        tile: repeat the photo's own strip over its foreground instead of decoding a stored background; None:
            where that shows the same, see `DaliLoader`.

    Raises:
        EnvironmentFault: torch or torchvision is not installed, or torch sees no GPU.
        UsageError: an option is out of range, or the data set lacks a member that the recipe needs.
    """

    def __init__(
        self,
        dataset: Dataset | str | Path,
        batch_size: int,
        *,
        recipe: Recipe | Sequence[View] | str,
        seed: int = 0,
        device: str = "cpu",
        threads: int = 2,
        rank: int = 0,
        world: int = 1,
        last: str = "drop",
        on_error: str = "raise",
        prefetch: int = 2,
        output: str = "uint8",
        channels_last: bool = False,
        tile: bool | None = None,
    ) -> None:
        options = LoaderOptions(
            rank=rank,
            world=world,
            last=last,
            on_error=on_error,
            device=device,
            threads=threads,
            prefetch=prefetch,
            output=output,
            channels_last=channels_last,
            tile=tile,
        )
        opened, reader, made = open_shards(dataset, recipe, options)
        super().__init__(opened, reader, batch_size, recipe=made, seed=seed, options=options)
        again = tiles_anew(self.dataset, options)
        require_torch(device)
        self._source = SourceReader(self.reader, self.recipe, tile=again)
        self._renderer, self._maker = self._open()
        self._decoders = ThreadPoolExecutor(threads, thread_name_prefix="maskgen-decode")
        self._ahead = StepsAhead[Callable[[], Batch]]("maskgen-batches", options.prefetch)

    def _open(self) -> tuple[Renderer, BatchMaker]:
        from ..pixels.outputs import BatchMaker
        from ..pixels.render import Renderer

        options = self._options
        renderer = Renderer(
            self.recipe,
            self.dataset.level,
            threads=options.threads,
            channels_last=options.channels_last,
            reuse=False,
        )
        return renderer, BatchMaker(self.recipe, options)

    def _restart(self, steps: range, *, interrupted: bool) -> None:  # noqa: ARG002 - it is whole at any time
        self._ahead.restart(partial(self._begin, self._epoch, step) for step in steps)

    def _batch(self, step: int) -> Batch:  # noqa: ARG002 - they come in order
        return self._ahead.next()()

    def make(self, epoch: int, step: int) -> Batch:
        """One batch of this rank: a function of (seed, epoch, step) and of which samples are broken.

        Raises:
            BrokenSample: a sample is damaged, and `on_error` is ``raise``.
            ShardFault: no whole sample was found in place of a broken one.
            EnvironmentFault: the files cannot be read for a reason outside them.
        """
        return self._begin(epoch, step)()

    def _begin(self, epoch: int, step: int) -> Callable[[], Batch]:
        """That batch, as far as it can be made ahead."""
        wanted = self._schedule.batch(self.dataset.order(self._seed, epoch), step)
        if not wanted.size:
            return self._maker.nothing
        while True:
            sources = self._source.read(wanted, self._seed, epoch)
            try:
                photos, backgrounds = decode(sources, self.reader, self._decoders.map)
            except BrokenSample as fault:
                self.reader.mark_broken(fault)  # raises, or the batch is made again without the sample
                continue
            return self._rendered(sources, photos, backgrounds)

    def _rendered(self, sources: Sources, photos: list[RGB], backgrounds: list[RGB]) -> Callable[[], Batch]:
        from .upload import begin_batch

        arrays = self._renderer.render(
            photos,
            sources.table,
            list(sources.masks) if self.recipe.needs_masks else None,
            backgrounds if self.recipe.needs_backgrounds else None,
        )
        return begin_batch(self._maker, sources, arrays, self._options.device)


def require_torch(device: str) -> None:
    """Refuse to go on without torch, or without a GPU that is asked for.

    Args:
        device: ``cpu`` or ``cuda``.

    Raises:
        EnvironmentFault: torch or torchvision is not installed, or torch sees no GPU.
    """
    try:
        import torch
        import torchvision  # noqa: F401
    except ImportError as error:
        raise EnvironmentFault(
            "this loader needs torch and torchvision",
            where=str(error),
            remedy='pip install "maskgen[train]", or read the masks with MaskReader',
        ) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault("torch sees no GPU", arguments=[("device", "cpu")])
