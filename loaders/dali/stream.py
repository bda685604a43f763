"""Batches through a DALI pipeline, in order: several in flight, none lost to a damaged neighbor."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault
from maskgen.shards import naming

from ..options import LoaderOptions
from ..pixels.sources import SourceReader, tiles_anew
from ..prefetch import Job, WorkAhead
from ..reading.broken import BrokenSample
from ..reading.samples import SampleReader
from ..recipes.spec import Recipe
from . import graph
from .feed import Feed, Feeder
from .teardown import Pending, teardown, teardown_with, wait_for

Request = tuple[NDArray[np.int64], int, int]
"""The samples of a batch, and seed and epoch of its draws."""


class Stream:
    """One pipeline and what is on its way through it.

    A thread reads and draws `depth` batches ahead of those `depth` that DALI works on. A batch that DALI
    cannot decode comes back as an error in its own place; the pipeline itself goes on. A KeyboardInterrupt
    may strike between any two of DALI's calls, and pictures would then come with another batch's labels:
    begin anew then.

    Args:
        build: makes the pipeline, with a prefetch of `depth`.
        feeder: makes its inputs.
        depth: batches in flight.
        gpu: number of the GPU that the pipeline uses.
    """

    def __init__(self, build: Callable[[], Any], feeder: Feeder, *, depth: int, gpu: int | None) -> None:
        self._build = build
        self._held = [build()]
        self._feeder = feeder
        self._reader = feeder.source.reader
        self._depth = depth
        self._gpu = gpu
        self._requests: Iterator[Request] = iter(())
        self._reading: deque[Job[Feed]] = deque()
        self._pending: deque[Pending] = deque()
        self._thread = WorkAhead("maskgen-reader")
        self._warm_up()
        teardown_with(self, self._held)

    def begin(self, requests: Iterator[Request], *, anew: bool = False) -> None:
        """Drop what is on its way, wait for what is being read, and go on with these batches.

        Args:
            requests: what `next` gives from here on.
            anew: with a new pipeline, as after an interruption.
        """
        for job in self._reading:
            job.cancel()
        self._reading.clear()
        self._thread.wait()
        if anew:
            teardown(self._held)
            self._held.append(self._build())
            self._warm_up()
        else:
            wait_for(self._held[0], self._pending)
        self._pending.clear()
        self._requests = requests

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> tuple[Feed, list[Any]]:
        """The next batch: its feed and DALI's outputs, which stay valid as long as they are held.

        Raises:
            StopIteration: there is none.
            MaskgenError: it could not be made; the next call goes on behind it.
        """
        self._fill()
        if not self._pending:
            raise StopIteration
        batch = self._pending.popleft()
        wait_for(self._held[0], [batch])
        while batch.feed is not None and isinstance(batch.error, RuntimeError):
            batch = self._mend(batch.feed, batch.error)
        self._fill()
        if batch.error is not None:
            raise batch.error
        assert batch.feed is not None  # noqa: S101 - a batch without feed has an error
        return batch.feed, batch.outputs

    def _fill(self) -> None:
        wanted = 2 * self._depth - len(self._pending) - len(self._reading)
        for request in itertools.islice(self._requests, max(0, wanted)):
            self._reading.append(self._thread.submit(partial(self._feeder.make, *request)))
        while self._reading and len(self._pending) < self._depth:
            self._pending.append(self._read(self._reading.popleft()))

    def _read(self, job: Job[Feed]) -> Pending:
        try:
            feed = job.result()
        except Exception as error:  # noqa: BLE001 - raised in its turn
            return Pending(error=error)
        return self._start(feed)

    def _start(self, feed: Feed) -> Pending:
        for name, data in feed.inputs.items():
            self._held[0].feed_input(name, data)
        self._held[0].schedule_run()
        return Pending(feed)

    def _mend(self, feed: Feed, error: RuntimeError) -> Pending:
        """The same batch without the samples that DALI cannot decode, or why there is none."""
        try:
            faults = list(self._find_undecodable(feed))
            if not faults:
                return Pending(error=_no_picture_at_fault(error))
            for fault in faults:
                self._reader.mark_broken(fault)
            wait_for(self._held[0], self._pending)
            batch = self._start(self._feeder.make(*feed.sources.request))
        except Exception as problem:  # noqa: BLE001 - raised in its turn
            return Pending(error=problem)
        wait_for(self._held[0], [batch])
        return batch

    def _find_undecodable(self, feed: Feed) -> Iterator[BrokenSample]:
        """The pictures of a batch that the same decoder refuses one by one."""
        if len(self._held) == 1:
            self._held.append(graph.build_decoder(gpu=self._gpu))
        decoder = self._held[1]
        pictures = {
            naming.PHOTO: dict(enumerate(feed.sources.photos)),
            naming.BACKGROUND: feed.sources.backgrounds,
        }
        for ext, encoded in pictures.items():
            for row, data in encoded.items():
                decoder.feed_input(graph.PHOTO, [data])
                try:
                    decoder.run()
                except RuntimeError:
                    sample = int(feed.sources.taken.samples[row])
                    yield self._reader.fault(sample, ext, "a picture cannot be decoded")

    def _warm_up(self) -> None:
        """The first run of a pipeline is as many as it prefetches; after this one, each is one."""
        inputs = self._feeder.blank(_tiny_jpeg())
        for _ in range(self._depth):
            for name, data in inputs.items():
                self._held[0].feed_input(name, data)
        self._held[0].schedule_run()
        for _ in range(self._depth):
            self._held[0].share_outputs()
            self._held[0].release_outputs()


def _no_picture_at_fault(error: RuntimeError) -> EnvironmentFault:
    """DALI's failure on a batch whose pictures it decodes one by one: memory, most often."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    fault = EnvironmentFault(
        "DALI cannot make a batch, and none of its pictures is at fault",
        cause=" ".join(lines),
        remedy="if memory is short, a smaller batch_size or prefetch; else report it with this whole message",
    )
    fault.__cause__ = error
    return fault


def _tiny_jpeg() -> NDArray[np.uint8]:
    return np.asarray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1], np.uint8).ravel()


def open_stream(reader: SampleReader, recipe: Recipe, batch_size: int, options: LoaderOptions) -> Stream:
    """The stream of a loader.

    Raises:
        EnvironmentFault: a GPU is asked for, and torch sees none.
    """
    import torch

    gpu = None
    if options.device == "cuda":
        if not torch.cuda.is_available():
            raise EnvironmentFault("torch sees no GPU", arguments=[("device", "cpu")])
        gpu = torch.cuda.current_device()
    dataset = reader.dataset
    patched = dataset.manifest.identity["options"].get("background_store") == "patch"
    build = partial(graph.build, recipe, batch_size, options, level=dataset.level, patched=patched, gpu=gpu)
    source = SourceReader(reader, recipe, tile=tiles_anew(dataset, options))
    feeder = Feeder(source, operators=options.operators)
    return Stream(build, feeder, depth=options.prefetch, gpu=gpu)
