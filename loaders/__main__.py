"""``python -m maskgen.loaders DIR``: one batch read back through DALI, in words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from maskgen.config.counted import counted
from maskgen.errors import MaskgenError

from .batch import Batch
from .dali.loader import DaliLoader
from .dataset.dataset import Dataset
from .dataset.open import open_dataset
from .options import DEVICES
from .recipes.published import RECIPES

BACKGROUNDS = ("its own background", "a grey background", "the background of another photo")
DEFAULT = "mocov2-bg-swaps"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read one batch and describe it on stdout; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        dataset = open_dataset(options.folder)
        loader = DaliLoader(
            dataset,
            options.batch_size,
            recipe=RECIPES[options.recipe],
            seed=options.seed,
            device=options.device,
            last="partial",
            on_error=options.on_error,
        )
        batch = next(iter(loader))
    except MaskgenError as error:
        error.name_options({name: f"--{name.replace('_', '-')} " for name in vars(options)})
        print(f"maskgen.loaders: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(describe(dataset, options.recipe, batch)))
    if loader.skipped:
        replaced = counted(loader.skipped, "damaged sample was", "damaged samples were")
        print(f"{replaced} replaced:", *loader.reader.broken.values(), sep="\n  ")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m maskgen.loaders", description=main.__doc__)
    parser.add_argument("folder", help="folder that maskgen run wrote")
    parser.add_argument("--recipe", choices=RECIPES, default=DEFAULT, help=f"views (default {DEFAULT})")
    parser.add_argument("--batch-size", type=int, default=4, help="images (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of order, crops and coins (default 0)")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="default cpu")
    parser.add_argument("--on-error", choices=("raise", "skip"), default="raise", help="default raise")
    return parser


def describe(dataset: Dataset, recipe: str, batch: Batch) -> Iterator[str]:
    """A batch as lines of text."""
    samples, shards = counted(dataset.samples, "sample"), counted(len(dataset.shards), "shard")
    yield f"{samples} in {shards}: {', '.join(dataset.members)}"
    yield f"one batch of {recipe} through DALI:"
    yield from _tensors(batch)
    for row, key in enumerate(batch["key"]):
        yield f"  {key}:"
        for view, ((y, x, height, width), flip, kind) in enumerate(
            zip(batch["boxes"][row].tolist(), batch["flips"][row], batch["replaced"][row], strict=True)
        ):
            yield (
                f"    view {view}: rows {y:.2f}-{y + height:.2f}, columns {x:.2f}-{x + width:.2f} of "
                "the photo"
                f"{', flipped' if flip else ''}, {BACKGROUNDS[int(kind)]}"
            )
        if batch["negative_source"] is not None and batch["matched"] is not None:
            sources, matches = batch["negative_source"][row].reshape(-1), batch["matched"][row].reshape(-1)
            for source, matched in zip(sources.tolist(), matches.tolist(), strict=True):
                where = "view 0's background" if matched else "its own background"
                yield f"    negative: {batch['key'][source]} on {where}"


def _tensors(batch: Batch) -> Iterator[str]:
    """A line for each of a batch's tensors."""
    for name, value in batch.items():
        parts = value if isinstance(value, tuple) else (value,)
        for index, part in enumerate(parts):
            if part is None or isinstance(part, list):
                continue
            of = f"{name}[{index}]" if isinstance(value, tuple) else name
            shape, kind = tuple(part.shape), str(part.dtype).removeprefix("torch.")  # pyright: ignore[reportAttributeAccessIssue]
            yield f"  {of:17}{shape!s:20}{kind}"


if __name__ == "__main__":
    sys.exit(main())
