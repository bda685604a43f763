"""The parts, their limits and the real worker in turns, in one process with one thread, by CPU time."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskgen.config.run_config import RUNTIMES
from maskgen.errors import EnvironmentFault, ImageFault, MaskgenError, UsageError
from maskgen.methods import load_network
from maskgen.methods.network import Infer
from maskgen.processes.lifetime import worker_environment
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards import naming
from maskgen.shards.plan import PlannedImage
from maskgen.shards.sample import Encoded, SampleId
from maskgen.types import ByteRef

from ..resolve import ResolvedConfig
from ..shard.make import ShardJob, make_shard
from ..shard.stages import Decoded, Masked, Stages
from .limits import LibraryParts
from .parts import NETWORK, OwnParts, Sample
from .shard_parts import SHARD_LIMITS, remove_shard, time_shard, time_shard_limits

ROUNDS = 5
_LEAST, _MOST = 8, 200  # photos of a round


@dataclass(frozen=True, slots=True)
class Part:
    """What one part costs, CPU milliseconds a photo, medians over the rounds.

    Args:
        name: of the part.
        own_ms: what it costs in a worker.
        limit_ms: what its library call costs; `own_ms` where there is none.
        limit: name of the call; empty where there is none.
    """

    name: str
    own_ms: float
    limit_ms: float
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """Where a worker's CPU time goes, a photo.

    Args:
        parts: in a worker's order.
        whole_ms: CPU milliseconds a photo of a worker that makes whole shards of the same photos.
        photos: of a round.
        source_bytes: of a photo's file, on average.
        pixels: of a photo, on average.
        sample_bytes: of a sample's members, on average.
    """

    parts: tuple[Part, ...]
    whole_ms: float
    photos: int
    source_bytes: float
    pixels: float
    sample_bytes: float

    @property
    def own_ms(self) -> float:
        """Sum of the parts."""
        return sum(part.own_ms for part in self.parts)

    @property
    def limit_ms(self) -> float:
        """Sum of the limits."""
        return sum(part.limit_ms for part in self.parts)

    @property
    def network(self) -> Part:
        """The network's part; of no cost where the method has none."""
        return next((part for part in self.parts if part.name == NETWORK), Part(NETWORK, 0.0, 0.0))


def measure_budget(config: ResolvedConfig, files: Sequence[Path], seconds: float) -> Budget:
    """Measure in a process of its own.

    Args:
        config: of the run; its network runs in the process itself.
        files: photos on a local disk.
        seconds: about the time for each of the passes over the photos.

    Raises:
        UsageError: none of the photos can be decoded.
        EnvironmentFault: the process ended.
    """
    if config.masks:
        raise UsageError(
            "--budget measures a method that makes masks", remedy="leave --budget out, or name another method"
        )
    root = os.path.commonpath([file.parent for file in files])
    inline = replace(config, model_process=False, options=replace(config.options, input=root))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = (inline, list(files), Path(scratch), seconds, theirs)
        process = context.Process(target=_serve, args=arguments, daemon=True)
        with worker_environment():
            process.start()
        theirs.close()
        try:
            found: Budget | MaskgenError = ours.recv()
        except EOFError:
            found = EnvironmentFault("the bench has ended", cause="it crashed", remedy="maskgen doctor")
        process.join()
    if isinstance(found, MaskgenError):
        raise found
    return found


def _serve(config: ResolvedConfig, files: list[Path], scratch: Path, seconds: float, pipe: Any) -> None:
    import cv2

    cv2.setNumThreads(1)
    try:
        pipe.send(_Bench(config, files, scratch, seconds).run())
    except MaskgenError as error:
        pipe.send(error)


class _Bench:
    def __init__(self, config: ResolvedConfig, files: list[Path], scratch: Path, seconds: float) -> None:
        options = config.options
        self._members = naming.members(
            photo=options.layout == "full",
            background=options.background != "none",
            classes=False,
            lean=options.members == "lean",
        )
        self._scratch = scratch
        (scratch / naming.RECORDS).mkdir()
        self._own = OwnParts(config, self._members)
        self._stages = Stages(config, self._members, self._own.method())
        runtimes = _runtimes(config, self._own.infer) if config.is_learned else {}
        root = Path(options.input)
        self._limits = LibraryParts(options, root, runtimes).calls()
        self._images = self._chosen(_planned(files, root), seconds)

    def _chosen(self, images: list[PlannedImage], seconds: float) -> list[PlannedImage]:
        """Good photos, as often as `seconds` allow; what is slow the first time is over then."""
        good, spent = [], 0.0
        for image in images:
            started = time.process_time()
            if self._encoded(image) is None:
                continue
            spent = time.process_time() - started
            good.append(image)
        if not good:
            raise UsageError(
                "none of the photos can be decoded",
                where=str(self._scratch),
                remedy="give a folder of JPEG, PNG or WebP photos with --input",
            )
        count = max(_LEAST, min(_MOST, round(seconds / max(spent, 1e-4))))
        cycled = [good[number % len(good)] for number in range(count)]
        return [
            image._replace(sample=replace(image.sample, key=f"photo-{number}"))
            for number, image in enumerate(cycled)
        ]

    def _encoded(self, image: PlannedImage) -> tuple[Encoded, str] | None:
        photo = self._stages.decode(image)
        masked = self._stages.mask(photo) if isinstance(photo, Decoded) else photo
        if not isinstance(masked, Masked):
            return None
        return self._stages.encode(masked, self._stages.fill(masked)), masked.photo.sha256

    def run(self) -> Budget:
        own: dict[str, list[float]] = {}
        limit: dict[str, list[float]] = {}
        whole: list[float] = []
        samples = [found for image in self._images if (found := self._encoded(image))]
        for turn in range(ROUNDS):
            name = f"budget-{turn:06d}"
            for kind, times in zip((own, limit), self._round(name, samples), strict=True):
                for part, spent in times.items():
                    kind.setdefault(part, []).append(spent / 1e6 / len(self._images))
            whole.append(self._whole(f"whole-{turn:06d}") / 1e6 / len(self._images))
        self._own.close()
        self._stages.close()
        return self._budget(own, limit, whole, samples)

    def _round(self, name: str, samples: list[tuple[Encoded, str]]) -> tuple[dict[str, int], dict[str, int]]:
        """CPU nanoseconds of the parts, and of their library calls as ``part/call``."""
        own: dict[str, int] = {}
        limit: dict[str, int] = {}
        for image in self._images:
            one = Sample(image)
            mark = time.process_time_ns()
            for part, step in self._own.steps().items():
                step(one)
                now = time.process_time_ns()
                own[part], mark = own.get(part, 0) + now - mark, now
            for part, calls in self._limits.items():
                for call in calls if part in own else ():
                    mark = time.process_time_ns()
                    call.step(one)
                    key = f"{part}/{call.name}"
                    limit[key] = limit.get(key, 0) + time.process_time_ns() - mark
        own |= time_shard(self._scratch, name, samples)
        for part, spent in time_shard_limits(self._scratch, name, samples).items():
            limit[f"{part}/{SHARD_LIMITS[part]}"] = spent
        remove_shard(self._scratch, name)
        return own, limit

    def _whole(self, name: str) -> int:
        """CPU nanoseconds of a worker that makes a shard of the photos."""
        job = ShardJob(self._scratch, 0, name, self._members, "")
        started = time.process_time_ns()
        make_shard(job, self._images, self._stages, Watch(list(IDLE)))
        spent = time.process_time_ns() - started
        remove_shard(self._scratch, name)
        return spent

    def _budget(
        self,
        own: Mapping[str, list[float]],
        limit: Mapping[str, list[float]],
        whole: list[float],
        samples: list[tuple[Encoded, str]],
    ) -> Budget:
        parts = []
        for name, times in own.items():
            calls = {
                key.partition("/")[2]: statistics.median(found)
                for key, found in limit.items()
                if key.startswith(f"{name}/")
            }
            spent = statistics.median(times)
            fastest = min(calls, key=lambda call: calls[call], default="")
            parts.append(Part(name, spent, calls.get(fastest, spent), fastest))
        count = len(samples)
        return Budget(
            tuple(parts),
            statistics.median(whole),
            count,
            sum(image.ref.size for image in self._images) / count,
            sum(sample.row["width"] * sample.row["height"] for sample, _ in samples) / count,
            sum(len(data) for sample, _ in samples for _, data in sample.members) / count,
        )


def _planned(files: Sequence[Path], root: Path) -> list[PlannedImage]:
    return [
        PlannedImage(
            SampleId(f"photo-{number}", None, path.name),
            ByteRef(os.path.relpath(path, root), 0, path.stat().st_size),
        )
        for number, path in enumerate(files)
    ]


def _runtimes(config: ResolvedConfig, own: Infer) -> dict[str, Infer]:
    """The network as each installed runtime runs it in the run's arithmetic."""
    found = {config.method.runtime: own}
    for runtime in RUNTIMES[1:]:
        if runtime not in found:
            try:
                found[runtime] = load_network(config.options.method, replace(config.method, runtime=runtime))
            except (MaskgenError, ImageFault):
                continue  # it is not installed, or does not do this arithmetic
    return found
