"""``python -m maskgen.loaders DIR``: one batch read back through DALI, in words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from maskgen.errors import MaskgenError
from maskgen.loaders.dali import DEVICES, Batch, DaliLoader
from maskgen.loaders.dataset import Dataset, open_dataset
from maskgen.loaders.views import View


def main(arguments: Sequence[str] | None = None) -> int:
    """Read one batch and describe it on stdout; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        dataset = open_dataset(options.folder)
        view = View(size=options.size, fg_min=options.fg_min, bg_rm_p=options.bg_rm_p)
        loader = DaliLoader(dataset, options.batch_size, view=view, seed=options.seed, device=options.device)
        batch = next(iter(loader))
    except MaskgenError as error:
        print(f"maskgen.loaders: {error}", file=sys.stderr)
        return error.exit_code
    print("\n".join(describe(dataset, view, batch)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m maskgen.loaders", description=main.__doc__)
    parser.add_argument("folder", help="folder that maskgen run wrote")
    parser.add_argument("--batch-size", type=int, default=4, help="images (default 4)")
    parser.add_argument("--size", type=int, default=224, help="side of a view, px (default 224)")
    parser.add_argument(
        "--fg-min", type=float, default=0.0, help="share of the foreground in a crop (default 0)"
    )
    parser.add_argument(
        "--bg-rm-p",
        type=float,
        default=0.5,
        help="probability of a grey background (default 0.5: some in every batch)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of order, crops and coins (default 0)")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="default cpu")
    return parser


def describe(dataset: Dataset, view: View, batch: Batch) -> Iterator[str]:
    """A batch as lines of text."""
    yield f"{dataset.samples} samples in {len(dataset.shards)} shards: {', '.join(dataset.members)}"
    yield f"one batch through DALI, threshold {dataset.threshold:g}, fg_min {view.fg_min:g}:"
    for name in ("image", "mask", "box", "label"):
        tensor = batch[name]
        yield f"  {name:6}{tuple(tensor.shape)!s:20}{str(tensor.dtype).removeprefix('torch.'):9}" + (
            f"{int(tensor.min())}..{int(tensor.max())}" if name in ("image", "mask") else ""
        )
    shown = (batch["mask"] > 0).float().mean(dim=(1, 2, 3)).tolist()
    rows = zip(batch["key"], batch["box"].tolist(), batch["removed"].tolist(), shown, strict=True)
    for key, (y, x, height, width), removed, share in rows:
        yield (
            f"  {key}: rows {y:.2f}-{y + height:.2f}, columns {x:.2f}-{x + width:.2f} of the photo, "
            f"{share:.0%} foreground{', background removed' if removed else ''}"
        )
    yield f"  background removed in {int(batch['removed'].sum())} of {len(batch['key'])} (p = {view.bg_rm_p:g})"


if __name__ == "__main__":
    sys.exit(main())
