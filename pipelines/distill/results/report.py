"""The report: one HTML file with its pictures inside, and the contact sheet beside it."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from maskgen.drawing.page import picture, render_page
from maskgen.drawing.svg import Line, plot_lines
from maskgen.io.atomic import write_atomic

from ..data import priors
from ..settings.settings import Settings
from ..status import fusion, rounds, status
from ..training.schedule import ScheduledPhase
from ..work_folder import LOG, REPORT, SHEET, WorkFolder
from .judge import JUDGED
from .sheet import agreement, draw_sheet, spread


def write_report(work: WorkFolder, settings: Settings, count: int = 24) -> Path:
    """Write ``report.html`` and, once the priors are done, ``sheet.jpg``.

    Args:
        work: the training's folder.
        settings: of it.
        count: photos on the contact sheet.

    Returns:
        The report's path.

    Raises:
        ShardFault: an array is damaged.
        EnvironmentFault: the disk is full, broken or read-only.
    """
    facts = status(work, settings)
    parts = [
        f"<h1>{_title(settings)}, preset {html.escape(settings.preset.name)}</h1>",
        _summary(settings, facts),
    ]
    if work.is_done(priors.RECORD):
        parts += _plots(work, settings)
        parts.append(_phases(facts, seconds_by_phase(work)))
        parts += _judged(work, settings)
        sheet = draw_sheet(work, settings, spread((work.record(priors.RECORD) or {})["kept"], count))
        write_atomic(work.root / SHEET, sheet)
        parts += ["<h2>Photos that were learned from</h2>", picture(sheet, "contact sheet")]
    parts.append(_left_out(facts))
    path = work.root / REPORT
    write_atomic(path, render_page(_title(settings), parts).encode())
    return path


def _title(settings: Settings) -> str:
    return "A student" if settings.teachers else "DeepUSPS"


def _judged(work: WorkFolder, settings: Settings) -> list[str]:
    """How a student does on the photos that were held back, the worst of them drawn."""
    judged = work.record(JUDGED)
    if not judged or "iou" not in judged:
        return []
    each = ", ".join(f"{name} {value:.3f}" for name, value in judged["teachers"].items())
    words = (
        f"IoU with the mean of the teachers {judged['iou']:.3f}, mean of {judged['photos']} photos ({each})."
    )
    if "times" in judged:
        seconds = ", ".join(f"{name} {value:.3f}" for name, value in judged["seconds"].items())
        words += f" Seconds a photo: {seconds}; {judged['times']:.1f} times as fast as its teachers."
    rows = "".join(
        f"<tr><td>{html.escape(one['path'])}</td><td class=n>{one['iou']:.3f}</td></tr>"
        for one in judged["worst"]
    )
    sheet = draw_sheet(work, settings, [one["number"] for one in judged["worst"]])
    return [
        "<h2>Photos held back</h2>",
        f"<p>{html.escape(words)} A low IoU need not be the student's fault: teachers err too.</p>",
        f"<table><tr><th>worst</th><th>IoU</th></tr>{rows}</table>",
        picture(sheet, "worst photos"),
    ]


def _summary(settings: Settings, facts: dict[str, Any]) -> str:
    steps = ", ".join(f"{name} {'done' if done else 'not done'}" for name, done in facts["steps"].items())
    means = ", ".join(f"{name} {mean:.3f}" for name, mean in facts["means"].items())
    preset = settings.preset
    rows = {
        "steps": steps,
        "photos": f"{facts['photos']} of {settings.source['photos']} listed, {len(facts['skipped'])} "
        "skipped, "
        f"{len(facts['failed'])} without maps",
        "network": f"{preset.network} at {preset.side} px, seed {settings.seed}",
        **({"teachers": ", ".join(one.name for one in settings.teachers)} if settings.teachers else {}),
        "encoder": f"SHA-256 {settings.init_sha256}" if settings.init_sha256 else "random weights",
        "mean of the maps": means or "not there yet",
        "command": settings.command,
    }
    cells = "".join(f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>" for name, value in rows.items())
    return f"<table>{cells}</table>"


def _plots(work: WorkFolder, settings: Settings) -> list[str]:
    """Loss and agreement over all epochs, and the priors' agreement with each other over rounds."""
    trainings = rounds(work, settings)
    parts = ["<h2>Training</h2>"]
    lengths = [phase.epochs for phase in settings.preset.rounds]
    marks = [sum(lengths[:number]) + 0.5 for number in range(1, len(lengths))]
    for fact, words in (
        ("loss", "loss"),
        ("agreement", "agreement of predictions and labels, mean IoU"),
    ):
        lines = _lines(work, trainings, fact)
        if lines:
            parts.append(plot_lines(f"Rounds: {words}", "epoch", lines, marks))
        last = _epochs(work, fusion(work, settings))
        if last:
            line = Line("fusion", [(n + 1, epoch[fact]) for n, epoch in enumerate(last)])
            parts.append(plot_lines(f"Fusion: {words}", "epoch", [line]))
    shared = agreement(work, settings)
    if shared:
        title = "Agreement of the priors' labels with each other, mean IoU"
        parts.append(plot_lines(title, "round", [Line("", shared)]))
    return parts


def _lines(work: WorkFolder, trainings: list[ScheduledPhase], fact: str) -> list[Line]:
    """One line per prior, or one for all, over the epochs of all its rounds."""
    lines = []
    for group in dict.fromkeys(training.group for training in trainings):
        epochs = [
            epoch for training in trainings if training.group == group for epoch in _epochs(work, training)
        ]
        if epochs:
            lines.append(Line(group, [(n + 1, epoch[fact]) for n, epoch in enumerate(epochs)]))
    return lines


def _epochs(work: WorkFolder, training: ScheduledPhase) -> list[dict[str, float]]:
    record = work.record(training.name)
    return record["epochs"] if record else []


def seconds_by_phase(work: WorkFolder) -> dict[str, float]:
    """Seconds of all epochs of each phase, those that were done twice included."""
    path, found = work.root / LOG, dict[str, float]()
    if not path.is_file():
        return found
    for line in path.read_text().splitlines():
        try:
            facts = json.loads(line)
            found[facts["phase"]] = found.get(facts["phase"], 0.0) + float(facts["seconds"])
        except (ValueError, KeyError, TypeError):
            continue  # a line that a kill has cut
    return found


def _phases(facts: dict[str, Any], seconds: dict[str, float]) -> str:
    rows = "".join(
        f"<tr><td>{phase['name']}</td><td class=n>{phase['epochs']}</td>"
        f"<td class=n>{_number(phase.get('loss'))}</td><td class=n>{_number(phase.get('agreement'))}</td>"
        f"<td class=n>{seconds.get(phase['name'], 0):.0f}</td></tr>"
        for phase in facts["phases"]
    )
    head = "<tr><th>phase</th><th>epochs</th><th>last loss</th><th>last agreement</th><th>seconds</th></tr>"
    return f"<table>{head}{rows}</table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _left_out(facts: dict[str, Any]) -> str:
    """Every photo that was skipped or failed, with its reason."""
    rows = [*facts["skipped"], *facts["failed"]]
    empty = ", ".join(f"{name} {count}" for name, count in facts["empty"].items() if count)
    words = f"<p>Photos in which a prior marks nothing: {html.escape(empty)}.</p>" if empty else ""
    if not rows:
        return words
    cells = "".join(
        f"<tr><td>{html.escape(one['path'])}</td><td>{html.escape(one['why'])}</td></tr>" for one in rows
    )
    return f"{words}<h2>Photos left out</h2><table>{cells}</table>"
