"""The parts of the page, from numbers to HTML."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..config.counted import counted
from ..config.options import options_of
from ..config.run_config import RunConfig
from ..drawing.bars import draw_bars
from ..drawing.page import facts, plain, table
from ..evaluation.summary import SHOWN, summarize
from ..shards.confidence import DOUBTFUL
from ..shards.coverage import SPECKS
from .comparing import Truths
from .sample import Findings
from .shard_set import Survey, Times
from .tally import BINS, LISTED, Quarantine, Tally

_MOST_PIECES = 9
_TIME_BINS = 16


def tiles(values: Mapping[str, str], *, small: bool = False) -> str:
    """Numbers to be seen first, each with its name."""
    cells = "".join(
        f"<div><dt>{plain(name)}</dt><dd>{plain(value)}</dd></div>" for name, value in values.items()
    )
    return f'<dl class="tiles{" small" * small}">{cells}</dl>'


def numbers(tally: Tally) -> dict[str, str]:
    """What the tiles say of the masks themselves."""
    found = {
        "mean coverage": f"{100 * tally.mean_coverage:.1f} %",
        "empty masks": f"{tally.empty:,}",
        f"specks (< {100 * SPECKS:.0f}%)": f"{tally.specks:,}",
        "touch the border": f"{100 * sum(tally.sides[1:]) / max(1, tally.samples):.0f} %",
    }
    if tally.mean_confidence is not None:
        found["mean confidence"] = f"{tally.mean_confidence:.2f}"
        found[f"doubtful (< {DOUBTFUL})"] = f"{tally.doubtful:,}"
    return found


def plots(survey: Survey, findings: Findings, times: Times) -> str:
    """The histograms."""
    tally = survey.tally
    shares = [f"{100 * n // BINS} to {100 * (n + 1) // BINS} %" for n in range(BINS)]
    ends = [(n / 4, f"{25 * n} %") for n in range(5)]
    told = f"Share of the photo that is foreground, {_of(tally.samples, survey.total)}."
    drawn = [_plot("Coverage", told, draw_bars("Coverage", tally.coverage, shares, ends))]
    pieces = [findings.pieces[sample.key] for sample in survey.drawn if sample.key in findings.pieces]
    if pieces:
        counts = [pieces.count(number) for number in range(_MOST_PIECES)]
        counts.append(len(pieces) - sum(counts))
        names = [*map(str, range(_MOST_PIECES)), f"{_MOST_PIECES}+"]
        told = f"Pieces that a mask's foreground falls into, {_of(len(pieces), survey.total)}."
        drawn.append(_plot("Pieces", told, draw_bars("Pieces", counts, names)))
    if tally.known:
        shares = [f"{n / BINS:.2f} to {(n + 1) / BINS:.2f}" for n in range(BINS)]
        ends = [(n / 4, f"{n / 4:g}") for n in range(5)]
        told = "Expected intersection over union with the true mask, judged from the mask alone, "
        told += f"{_of(tally.known, survey.total)}."
        drawn.append(_plot("Confidence", told, draw_bars("Confidence", tally.confidence, shares, ends)))
    if times.images:
        drawn.append(_times(times))
    if findings.agreement:
        drawn.append(_agreement(survey, findings))
    return f'<h2 id="distributions">Distributions</h2><div class="plots">{"".join(drawn)}</div>'


def _of(count: int, total: int) -> str:
    return f"all {total:,} masks" if count == total else f"{count:,} of {total:,} masks, drawn at random"


def _plot(title: str, told: str, svg: str) -> str:
    return f"<figure><h3>{plain(title)}</h3>{svg}<figcaption>{plain(told, 400)}</figcaption></figure>"


def _agreement(survey: Survey, findings: Findings) -> str:
    known = [findings.agreement[one.key] for one in survey.drawn if one.key in findings.agreement]
    counts = [0] * BINS
    for share in known:
        counts[min(int(share * BINS), BINS - 1)] += 1
    names = [f"{n / BINS:.2f} to {(n + 1) / BINS:.2f}" for n in range(BINS)]
    svg = draw_bars("Agreement", counts, names, [(n / 4, f"{n / 4:g}") for n in range(5)])
    mean = f", mean {sum(known) / len(known):.3f}" if known else ""
    some = "" if len(survey.drawn) == survey.total else f" of {len(survey.drawn):,} drawn at random"
    told = "Intersection over union with the other set's mask of the same photo"
    told += f"{mean}, {counted(len(known), 'mask')}{some} that both have."
    return _plot("Agreement", told, svg)


def _times(times: Times) -> str:
    """Milliseconds an image by shard, or by stage where there are too few shards for a histogram."""
    mean = 1000 * sum(times.stages.values()) / times.images
    if len(times.each) < 5:
        each = {name: 1000 * value / times.images for name, value in times.stages.items()}
        svg = draw_bars("Time", [round(value) for value in each.values()], list(each))
        told = f"Milliseconds of one worker an image, by stage; {mean:.0f} ms in all. From the run's log."
        return _plot("Time", told, svg)
    most = max(times.each)
    counts = [0] * _TIME_BINS
    for value in times.each:
        counts[min(int(_TIME_BINS * value / max(most, 1e-9)), _TIME_BINS - 1)] += 1
    names = [
        f"{most * n / _TIME_BINS:.0f} to {most * (n + 1) / _TIME_BINS:.0f} ms" for n in range(_TIME_BINS)
    ]
    svg = draw_bars("Time", counts, names, [(0, "0"), (0.5, f"{most / 2:.3g}"), (1, f"{most:.3g} ms")])
    parts = ", ".join(f"{name} {1000 * value / times.images:.3g}" for name, value in times.stages.items())
    told = f"Shards by milliseconds of one worker an image; mean {mean:.3g} ({parts}). From the run's log."
    return _plot("Time", told, svg)


def truth_section(truths: Truths | None) -> str:
    """The measures of the masks that have a truth."""
    if truths is None:
        return ""
    found = summarize(truths.evaluation)
    judged = len(truths.evaluation.scores)
    told = [f"{judged:,} of {truths.pairs:,} masks that have a truth were judged."]
    if truths.without:
        told.append(f"{truths.without:,} truths have no mask.")
    if truths.evaluation.empty:
        told.append(f"{len(truths.evaluation.empty):,} truths without foreground were left out.")
    means = tiles({name: f"{found[name]:.4f}" for name in SHOWN}, small=True)
    return f'<h2 id="truth">Against the truth</h2><p>{" ".join(told)}</p>{means}'


def quarantine_section(quarantine: Quarantine) -> str:
    """Images that could not be used: how many by reason, and the first of them one by one."""
    head = '<h2 id="quarantine">Quarantine</h2>'
    if not quarantine.count:
        return f"{head}<p>Every image could be used.</p>"
    counts = table(
        sorted(quarantine.reasons.items(), key=lambda one: (-one[1], one[0]))[:50], ("reason", "images")
    )
    told = (
        f"<p class='quiet'>The first {LISTED} of {quarantine.count:,} are listed; <code>maskgen status "
        "--json</code> lists all.</p>"
        if quarantine.count > LISTED
        else ""
    )
    find = (
        '<div class="tools" hidden><label>Find <input type="search" data-for="failures" '
        'placeholder="key, path or reason"></label></div>'
    )
    rows = [(key, path, error, shard) for shard, key, path, error in quarantine.listed]
    listed = table(rows, ("key", "path", "reason", "shard"), marks='id="failures" data-sortable')
    return f"{head}{counts}{told}{find}{listed}"


def command_of(options: Mapping[str, Any]) -> str:
    """The `maskgen run` that gives shards of these options: those that are not the defaults.

    Example:
        >>> from maskgen.report.sections import command_of
        >>> command_of({"dataset": "folder", "method": "box", "seed": 0, "binary": True})
        'maskgen run --dataset folder --input INPUT --output OUTPUT --method box --binary'
    """
    known = options_of(RunConfig)
    words = ["maskgen run"]
    for one in dataclasses.fields(RunConfig):
        if one.name == "output" or (one.name == "input" and options["dataset"] != "sample"):
            words.append(f"--{one.name} {one.name.upper()}")
        elif one.name in options and (one.name == "method" or options[one.name] != one.default):
            words.append(_flag(known[one.name].flag, options[one.name]))
    return " ".join(words)


def _flag(flag: str, value: Any) -> str:
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    told = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{flag} {shlex.quote(told)}"


def origin_section(identity: Mapping[str, Any], fingerprint: str, members: Sequence[str]) -> str:
    """How the shards were made."""
    options = dict(identity["options"])
    known = {
        "fingerprint": fingerprint,
        **{name: value for name, value in identity.items() if name not in ("options", "versions")},
        "members": " ".join(members),
        "versions": ", ".join(f"{name} {value}" for name, value in identity.get("versions", {}).items()),
    }
    return (
        '<h2 id="origin">How they were made</h2>'
        "<p>These options give the same shards, byte for byte, of the same photos by the same versions.</p>"
        f"<pre>{plain(command_of(options), 4000)}</pre>{facts(known, 1000)}"
        f"<details><summary>All options</summary>{facts(dict(sorted(options.items())), 1000)}</details>"
    )
