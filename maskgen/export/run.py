"""An export: samples become files part by part, in order; parts that are done stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from maskgen.loaders import Dataset

from ..config.claim import claim_folder
from ..errors import ShardFault, UsageError
from ..io.storage.location import Location, ObjectLocation
from ..processes.cores import usable_cores
from ..processes.threads import map_threads
from ..shards import sealed_json
from .formats.format import Format, Row, format_class
from .metadata.provenance import describe_masks
from .names import check_paths
from .output import Output, check_free, open_output
from .parts import SETTINGS, Part, Parts
from .samples import Facts, Samples
from .settings import Settings

VERSION = 1
"""Of the files: one more when the same settings give others."""
REPORT = "export.json"


def export_masks(
    dataset: Dataset,
    output: Location,
    settings: Settings,
    *,
    report: Callable[[int, int], None] = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
    threads: int = 0,
) -> dict[str, Any]:
    """Write the samples of a data set in another format; the same call resumes.

    Args:
        dataset: an open one.
        output: a folder, or a place in an object store: new, empty, or of the same export.
        settings: what is made.
        report: called with the number of samples that are done, and of all.
        note: told that another process is writing there, and is waited for.
        threads: at work; 0: one for each core. The files are the same.

    Returns:
        What ``export.json`` says: the settings, how the masks were made, how many samples were written, and
        what is wrong with the others, by key.

    Raises:
        UsageError: the format and the data set do not go together, or the output holds something else.
        ShardFault: a table is damaged.
        EnvironmentFault: the disk is full, broken or read-only, or the store refuses.
        Interrupted: a signal; parts that are done stay.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.export import Settings, export_masks
        >>> from maskgen.loaders import open_dataset
        >>> found = export_masks(open_dataset("shards/"), Path("masks/"), Settings(to="png"))
        >>> found["samples"], found["damaged"]
        (20, {})
    """
    if isinstance(output, Path) and output.resolve().is_relative_to(dataset.path.resolve()):
        raise UsageError(
            "the export lies inside the shards", where=str(output), remedy="choose a folder beside them"
        )
    target, kind = open_output(output), format_class(settings.to)
    if settings.masks_only and kind.members:
        raise UsageError(f"{settings.to} cannot be had without photos", remedy="leave --masks-only out")
    if settings.side and settings.to != "zarr":
        raise UsageError(
            f"masks as {settings.to} have the sizes of their photos",
            remedy="leave --side out, or take --to zarr",
        )
    if settings.license_name and settings.to != "hf":
        raise UsageError(
            f"a license of {settings.to} may have any name",
            where=settings.license_name,
            arguments=[("license", settings.license_name), ("license_name", None)],
        )
    with Samples(dataset, kind.members) as samples:
        work = kind(samples, target, settings)
        work.prepare()
        if kind.named_by_path and not settings.by_key:
            check_paths(dataset)
        facts = {"export": VERSION, "settings": asdict(settings), "source": dataset.fingerprint}
        claimed = _is_claimed(output, facts)
        with target.hold(lambda: note(f"another export is writing to {output}: waiting for it")):
            if not claimed and not _is_claimed(output, facts):
                target.write(SETTINGS, sealed_json.render(facts))
            return _Work(work, target, report, threads or usable_cores()).make(facts)


def _is_claimed(output: Location, facts: dict[str, Any]) -> bool:
    """Whether the output holds this export, finished or not; False: it is free.

    Raises:
        UsageError: it holds another one, or something else.
    """
    path = output / SETTINGS
    other = "address" if isinstance(output, ObjectLocation) else "folder"
    return claim_folder(
        output,
        facts,
        lambda: sealed_json.read(path) if path.is_file() else None,
        check_free=lambda: check_free(output),
        remedy=f"repeat the old settings to resume, or choose another {other}",
    )


@dataclass(eq=False)
class _Work:
    """An export on its way.

    Args:
        format: what is made.
        output: where.
        report: called with the number of samples that are done, and of all.
        threads: at work.
    """

    format: Format
    output: Output
    report: Callable[[int, int], None]
    threads: int
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = self.format.samples.dataset.samples

    def make(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Make what is not done yet; returns what the report says."""
        size = self.format.part_samples
        parts = Parts(self.output, self.format.parts)
        missing = parts.missing()
        place = self.output.location / REPORT
        if not missing and place.is_file():
            return sealed_json.read(place)
        spans = {part: (part * size, min(self.total, (part + 1) * size)) for part in missing}
        done = count(self.total - sum(end - first for first, end in spans.values()) + 1)
        for part, (first, end) in spans.items():
            self._make_part(parts, part, self.format.samples.facts(first, end), done)
        self.format.finish(parts.rows())
        self.output.sync()
        found = summarize(self.format, parts, facts)
        self.output.write(REPORT, sealed_json.render(found))
        self.output.sync()
        return found

    def _make_part(self, parts: Parts, part: int, facts: Iterator[Facts], done: Iterator[int]) -> None:
        damaged: dict[str, str] = {}
        taken, left_out = 0, 0

        def rows() -> Iterator[Row]:
            nonlocal taken, left_out
            with closing(map_threads(self._convert, facts, self.threads)) as results:
                for key, row in results:
                    self.report(next(done), self.total)
                    if isinstance(row, str):
                        damaged[key] = row
                    elif row is None:
                        left_out += 1
                    else:
                        taken += 1
                        yield row

        parts.keep(part, self.format.write_part(part, rows()))
        self.output.sync()
        parts.done(part, Part(taken, left_out, damaged))

    def _convert(self, facts: Facts) -> tuple[str, Row | str | None]:
        """A sample's key, and its row; a text says what is wrong with it."""
        try:
            return facts.key, self.format.convert(self.format.samples.open(facts))
        except ShardFault as fault:
            return facts.key, f"{fault.what}: {fault.where} ({fault.cause})"


def summarize(made: Format, parts: Parts, facts: dict[str, Any]) -> dict[str, Any]:
    """What ``export.json`` says.

    Args:
        made: the format, with its samples.
        parts: all written.
        facts: of the settings.
    """
    found = [part for part in map(parts.read, range(parts.count)) if part]
    return {
        **facts,
        "samples": sum(part.samples for part in found),
        "left_out": sum(part.left_out for part in found),
        "damaged": {key: text for part in found for key, text in part.damaged.items()},
        "masks": describe_masks(made.samples.dataset.manifest),
    }
