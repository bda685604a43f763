"""`maskgen challenge`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Annotated, Any

import click

from ..challenge.settings import Settings
from ..config.bounds import between
from ..config.counted import counted
from ..config.options import ExistingFolder, NewFolder, option
from ..io.atomic import write_atomic
from ..processes.signals import StopSignals
from .kinds import ENDINGS, OutputFile
from .loader_options import open_with_photos
from .options import DataFolder, Json, Spelling, click_command, nested
from .progress import ProgressBar
from .terminal import echo_err, own_options


@dataclass(frozen=True, kw_only=True)
class ChallengeOptions:
    """Options of `maskgen challenge`."""

    data: DataFolder = option(MISSING, "Folder of the labeled data set, or its address (s3://...).")
    out: Annotated[NewFolder, Spelling(argument=True)] = option(MISSING, "Folder of the challenge.")
    settings: Settings = nested(Settings)
    photos: ExistingFolder | None = option(
        None, "Folder of the originals, for shards of the sidecar layout.", group="data"
    )
    sheet: Annotated[Path | None, Spelling(kind=OutputFile(*ENDINGS))] = option(
        None, "Also draw a contact sheet (PNG or JPEG, by its ending): a row for each of 12 photos."
    )
    workers: int = option(0, "Threads at work (0: one per core).", group="machine", bounds=between(0, 4096))
    as_json: Json = option(False, "Print one JSON object.")


@click_command("challenge", ChallengeOptions)
def command(options: ChallengeOptions) -> None:
    """Make test sets that tell whether a classifier looks at the foreground, from the labeled shards in DATA.

    For every photo eight pictures, named as those of ImageNet-9: original; only_bg_b, only_bg_t (the
    foreground's box black, or covered by background); no_fg, only_fg (one of the two black); mixed_same,
    mixed_rand, mixed_next (on the background of a photo of the same, of any, and of the next class). Photos
    whose masks do not do are left out; how many for what is told.

    OUT holds VARIANT/val/CLASS/KEY.png with fg_mask/val/CLASS/KEY.npy, and shards/VARIANT, which maskgen and
    eval-ssl read; the same seed gives the same bytes, which `sha256sum -c SHA256SUMS` checks there.

    \b
    maskgen run --dataset folder --labels folder --input val/ --output shards-val/
    maskgen challenge shards-val/ challenge/ --sheet challenge.png
    eval-ssl knn --checkpoint run/ --data shards/ --test challenge/mixed_rand/val
    """  # noqa: D301 - click wants the character itself
    from ..challenge.make import make_challenge

    with StopSignals(), own_options(), ProgressBar() as bar:
        found = make_challenge(
            open_with_photos(options.data, options.photos),
            options.out,
            options.settings,
            report=lambda done, total: bar.show(done, total, f"{done} of {counted(total, 'photo')}"),
            threads=options.workers,
            waiting=lambda: echo_err("maskgen: note: another process makes this challenge; waiting for it"),
        )
    if options.sheet:
        from ..challenge.sheet import draw_sheet

        write_atomic(options.sheet, draw_sheet(options.out, options.sheet.suffix.lower()))
    if options.as_json:
        click.echo(json.dumps(found))
        return
    for line in _describe(found, options):
        click.echo(line)


def _describe(found: Mapping[str, Any], options: ChallengeOptions) -> Iterator[str]:
    from ..challenge.selection import REASONS

    share = found["photos"] / found["samples"]
    classes = counted(len(found["classes"]), "class", "classes")
    yield f"{found['photos']} of {counted(found['samples'], 'photo')} ({share:.1%}), {classes}; left out:"
    for reason, words in REASONS.items():
        one = found["left_out"][reason]
        if one["count"]:
            yield f"  {one['count']:7} {one['share']:6.1%}  {words}"
    ways = {"both": "folders and shards"}.get(options.settings.write, options.settings.write)
    yield f"{len(found['variants'])} variants of each as {ways}: {click.format_filename(options.out)}"
