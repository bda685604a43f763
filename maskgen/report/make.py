"""The report as a whole: what is passed over, what is drawn, and the page in its bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from ..config.counted import counted
from ..config.fingerprint import digest
from ..drawing.page import plain, render_page
from ..evaluation.pairs import has_shards, threshold_of
from ..shards import manifest
from ..shards.manifest import Manifest
from ..shards.sample import cut_level
from ..version import __version__
from . import sections
from .cards import Gallery, draw_cards
from .comparing import Truths, hold_against_others, hold_against_truth
from .gallery import SHEETS, gallery_section
from .opened import find_pieces, survey_maps
from .photos import find_photos
from .sample import Findings, Sample
from .settings import LARGEST_BYTES, Settings
from .shard_set import Survey, Times, draw_numbers, read_times, survey_shards

_MARGIN_BYTES = 4000


@dataclass(frozen=True, slots=True)
class Report:
    """A page.

    Args:
        page: its bytes.
        total: masks of the set.
        drawn: masks on the page.
        left_out: masks of the sheets for which there was no room.
        lone: masks of the sheets whose photo was looked for and is not there.
    """

    page: bytes
    total: int
    drawn: int
    left_out: int
    lone: int


def make_report(settings: Settings, say: Callable[[str], None] = lambda _: None) -> Report:
    """Make the page of a set of masks. Equal input and settings give equal bytes.

    Args:
        settings: what of.
        say: told what is being done.

    Raises:
        UsageError: there are no masks, or a file cannot be read.
        ShardFault: a manifest, a table or a shard is damaged.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    findings = Findings()
    if settings.truth is not None:
        say("masks against truths")
    truths = hold_against_truth(settings, findings)
    worst = sorted(findings.truth, key=lambda name: (findings.truth[name], name))[: settings.sheet]
    whole = manifest.read(settings.masks) if has_shards(settings.masks) else None
    say("tables" if whole else "maps")
    survey = _survey(settings, whole, set(worst))
    sheets = _sheets(settings, survey, worst)
    samples = _each_once([*survey.drawn, *(one for sheet in sheets.values() for one in sheet)])
    say("pieces")
    find_pieces(samples, survey.level, findings)
    hold_against_others(settings, samples, survey.level, findings)
    if findings.agreement:
        known = [sample for sample in samples if sample.key in findings.agreement]
        known.sort(key=lambda sample: (findings.agreement[sample.key], sample.key))
        sheets["disagreement"] = known[: settings.sheet]
    sheets = {name: sheets[name] for name in SHEETS if sheets.get(name)}
    say("pictures")
    gallery = Gallery(sheets, findings, survey.level)
    if settings.photos:
        found = find_photos(gallery.samples, settings.photos, settings.masks if whole else None)
        gallery = replace(gallery, photos=found)
    return _render(settings, whole, survey, truths, gallery)


def _survey(settings: Settings, whole: Manifest | None, worst: set[str]) -> Survey:
    if whole is None:
        return survey_maps(settings.masks, settings.opened, settings.seed, settings.sheet, worst)
    level = cut_level(threshold_of(whole))
    chosen = draw_numbers(whole.samples, settings.opened, settings.seed)
    return survey_shards(settings.masks, whole, level, chosen, worst, settings.sheet)


def _sheets(settings: Settings, survey: Survey, worst: Sequence[str]) -> dict[str, list[Sample]]:
    sheets = {"random": survey.drawn[: settings.sheet]}
    sheets |= {name: ranking.best() for name, ranking in survey.tally.rankings.items()}
    by_name = {name: sample for sample in survey.wanted for name in sample.entry.names}
    sheets["worst"] = [by_name[name] for name in worst if name in by_name]
    return sheets


def _each_once(samples: Sequence[Sample]) -> list[Sample]:
    return list({sample.key: sample for sample in samples}.values())


def _render(
    settings: Settings, whole: Manifest | None, survey: Survey, truths: Truths | None, gallery: Gallery
) -> Report:
    times = read_times(settings.masks) if whole else Times()
    folder = settings.masks.resolve() if isinstance(settings.masks, Path) else settings.masks
    title = f"Masks of {folder.name}"
    before = [f"<header><h1>{plain(title)}</h1>{_lead(whole, survey)}</header><main>"]
    before.append(sections.tiles({**_counts(whole, survey), **sections.numbers(survey.tally)}))
    before.append(sections.plots(survey, gallery.findings, times))
    before.append(sections.truth_section(truths))
    after = []
    if whole:
        after.append(sections.quarantine_section(survey.tally.quarantine))
        after.append(sections.origin_section(whole.identity, digest(whole.identity), whole.members))
    after.append(f"</main>{_footer(settings)}")
    script = files("maskgen.report").joinpath("report.js").read_text(encoding="utf-8")

    def page(cards: Sequence[str]) -> bytes:
        return render_page(title, [*before, gallery_section(gallery, cards), *after], script).encode()

    cards = draw_cards(gallery, LARGEST_BYTES - _MARGIN_BYTES - len(page([])))
    left_out, lone = len(gallery.samples) - len(cards), 0
    if settings.photos:
        lone = sum(one.entry.photo is None and one.key not in gallery.photos for one in gallery.samples)
    return Report(page(cards), survey.total, len(cards), left_out, lone)


def _lead(whole: Manifest | None, survey: Survey) -> str:
    if whole is None:
        return f'<p class="lead">{counted(survey.total, "map")} of a folder</p>'
    options = whole.identity["options"]
    told = (
        f"{whole.samples:,} masks by {options['method']}, of the data set {options['dataset']} "
        f"({options['split']}), in {counted(len(whole.shards), 'shard')}"
    )
    if not whole.complete:
        told += "; the run is not complete: run the same command again to resume"
    return f'<p class="lead">{plain(told, 400)}</p>'


def _counts(whole: Manifest | None, survey: Survey) -> dict[str, str]:
    if whole is None:
        return {"maps": f"{survey.total:,}"}
    return {"masks": f"{whole.samples:,}", "quarantined": f"{whole.failed:,}"}


def _footer(settings: Settings) -> str:
    told = f"maskgen {__version__} report --sheet {settings.sheet} --opened {settings.opened}"
    told += f" --seed {settings.seed}"
    if settings.compare is not None:
        told += f" --compare {settings.compare}"
    if settings.truth is not None:
        told += f" --truth {settings.truth}"
    return f"<footer>{plain(told, 600)}</footer>"
