"""Loaders that a user may take today, one a process, in turns: photos a core-second, memory and start-up.

    python benchmarks/rivals_today.py SHARDS PHOTOS --work SCRATCH [--batches 6] [--rounds 3] [--only a,b]

PHOTOS is a folder of the same photos. Every loader shuffles, and gives batches of 64 photos' two MoCo v2
views of 224 px as uint8 tensors, with two workers or threads. Those that bring no views of their own (all but
maskgen's) make them by torchvision's transforms v2 on Pillow's images, as rivals.py does. `maskgen bg-random`
also shows other photos' backgrounds, which the rivals do not. CPU time is that of the process and its
children. A library that is not installed is named.

memory: the most proportional set size (PSS) of the process and its children, seen between batches.
start-up: CPU time from the start of Python to the first batch.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BATCH, WORKERS = 64, 2
ENVIRON = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
}  # torch's own threads would wait for each other, at full load
NEEDS = {"torchvision": "torchvision", "SPDL": "spdl.pipeline", "grain": "grain", "LitData": "litdata"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(LOADERS))
    parser.add_argument("--one", choices=LOADERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(LOADERS[options.one](options), options.batches)))
        return
    names = [name for name in options.only.split(",") if _installed(name)]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names[:: -1 if number % 2 else 1]:
            command = [sys.executable, *sys.argv, "--one", name]
            answer = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRON).stdout
            found[name].append(json.loads(answer.splitlines()[-1]))
    report(found)


def _installed(name: str) -> bool:
    module = NEEDS.get(name, "torch")
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        print(f"{name}: not installed")
        return False
    return True


def measured(batches: Iterator[Any], count: int) -> dict[str, float]:
    """CPU ms a photo behind two batches that do not count, MB, and CPU s until the first."""
    next(batches)
    start_up, memory = cpu_s(), pss_mb()
    next(batches)
    begun = cpu_s()
    for _ in range(count):
        next(batches)
        memory = max(memory, pss_mb())
    return {"ms": (cpu_s() - begun) / count / BATCH * 1000, "mb": memory, "start_up": start_up}


def _family() -> list[int]:
    """This process and all below it."""
    found, waiting = [], ["self"]
    while waiting:
        pid = waiting.pop()
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += (task / "children").read_text().split()
            found.append(int(Path(f"/proc/{pid}").resolve().name))
        except OSError:  # ended in between
            continue
    return found


def cpu_s() -> float:
    """CPU seconds of this process and of its running children."""
    total = time.process_time()
    for pid in _family()[1:]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / 100
    return total


def pss_mb() -> float:
    """Proportional set size, MB."""
    lines = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in _family()]
    return sum(int(line.split()[1]) for found in lines for line in found if line.startswith("Pss:")) / 1000


def ours(options: Any, kind: str, recipe: str) -> Iterator[Any]:
    import maskgen.loaders as loaders

    loader = getattr(loaders, kind)(options.shards, BATCH, recipe=recipe, threads=WORKERS)
    while True:
        yield from loader


class TwoViews:
    """The two views of one encoded photo, (2, 3, 224, 224)."""

    def __init__(self) -> None:
        from rivals import Views

        self._views = Views("plain", "PIL", 128)

    def __call__(self, data: bytes) -> Any:
        """The views of a photo's file."""
        import torch

        return torch.stack(self._views({"jpg": data}))


class Files:
    """A torch data set of the views of a folder's photos."""

    def __init__(self, photos: Path) -> None:
        self.paths, self.views = sorted(photos.glob("*.[jJ][pP]*[gG]")), TwoViews()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Any:
        return self.views(self.paths[number].read_bytes())


def torchvision(options: Any) -> Iterator[Any]:
    from torch.utils.data import DataLoader

    loader = DataLoader(
        Files(options.photos),  # type: ignore[arg-type]
        BATCH,
        shuffle=True,
        num_workers=WORKERS,
        drop_last=True,
        persistent_workers=True,
    )
    while True:
        yield from loader


def spdl(options: Any) -> Iterator[Any]:
    import torch

    library = importlib.import_module("spdl.pipeline")
    files = Files(options.photos)
    order = list(range(len(files)))
    torch.set_num_threads(1)
    while True:
        random.shuffle(order)
        builder = (
            library.PipelineBuilder().add_source(iter(order)).pipe(files.__getitem__, concurrency=WORKERS)
        )
        pipeline = builder.aggregate(BATCH, drop_last=True).pipe(torch.stack).add_sink(2)
        built = pipeline.build(num_threads=WORKERS)
        with built.auto_stop():
            yield from built.get_iterator()


def grain(options: Any) -> Iterator[Any]:
    import torch

    library = importlib.import_module("grain")
    files = Files(options.photos)
    data = library.MapDataset.range(len(files)).shuffle(seed=0).repeat()
    made = data.map(lambda number: files[int(number)].numpy()).to_iter_dataset().batch(BATCH)
    workers = library.multiprocessing.MultiprocessingOptions(num_workers=WORKERS)
    yield from (torch.from_numpy(batch) for batch in made.mp_prefetch(workers))


def litdata(options: Any) -> Iterator[Any]:
    library = importlib.import_module("litdata")
    chunks, files = options.work / "litdata", Files(options.photos)
    if not chunks.exists():
        library.optimize(
            fn=_encoded,
            inputs=[str(path) for path in files.paths],
            output_dir=str(chunks),
            chunk_bytes="64MB",
            num_workers=1,
        )

    data = library.StreamingDataset(str(chunks), shuffle=True, drop_last=True, transform=files.views)
    loader = library.StreamingDataLoader(data, batch_size=BATCH, num_workers=WORKERS)
    while True:
        yield from loader


def _encoded(path: str) -> bytes:
    return Path(path).read_bytes()


LOADERS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "maskgen dali": lambda options: ours(options, "DaliLoader", "mocov2"),
    "maskgen torch": lambda options: ours(options, "TorchLoader", "mocov2"),
    "maskgen bg-random": lambda options: ours(options, "DaliLoader", "mocov2-bg-random"),
    "torchvision": torchvision,
    "SPDL": spdl,
    "grain": grain,
    "LitData": litdata,
}


def report(found: dict[str, list[dict[str, float]]]) -> None:
    """A row a loader: medians, and the CPU time as a multiple of the first's in the same round."""
    first = next(iter(found.values()))
    print("| loader | CPU ms a photo | photos a core-second | x the first | MB | start-up, CPU s |")
    print("|---|---|---|---|---|---|")
    for name, rounds in found.items():
        ms, mb, start_up = (statistics.median(one[key] for one in rounds) for key in ("ms", "mb", "start_up"))
        ratio = statistics.median(one["ms"] / base["ms"] for one, base in zip(rounds, first, strict=True))
        print(f"| {name} | {ms:.2f} | {1000 / ms:.0f} | {ratio:.2f} | {mb:.0f} | {start_up:.1f} |")


if __name__ == "__main__":
    main()
