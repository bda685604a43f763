"""How far a training is: its phases, the steps that are done, and all of it as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .data import photos, priors
from .settings.settings import Settings
from .training.schedule import ScheduledPhase, schedule_fusion, schedule_rounds
from .work_folder import WorkFolder


def rounds(work: WorkFolder, settings: Settings) -> list[ScheduledPhase]:
    """The rounds of all priors, once the priors are done."""
    return schedule_rounds(settings.preset, (work.record(priors.RECORD) or {})["means"])


def fusion(work: WorkFolder, settings: Settings) -> ScheduledPhase:
    """The fusion, once the priors are done."""
    return schedule_fusion(settings.preset, (work.record(priors.RECORD) or {})["means"])


def weights_path(work: WorkFolder, settings: Settings) -> Path:
    """Where the finished network's checkpoint goes, unless it is told otherwise."""
    return work.root / f"{settings.method}.safetensors"


def steps_done(work: WorkFolder, settings: Settings) -> dict[str, bool]:
    """Which steps are done, in their order; an export counts when it lies in the training's folder."""
    done = {"photos": work.is_done(photos.RECORD), "priors": work.is_done(priors.RECORD)}
    ready = done["photos"] and done["priors"]
    done["train"] = ready and all(work.is_done(one.name) for one in rounds(work, settings))
    done["fuse"] = ready and work.is_done(fusion(work, settings).name)
    done["export"] = done["fuse"] and weights_path(work, settings).is_file()
    return done


def status(work: WorkFolder, settings: Settings) -> dict[str, Any]:
    """How far a training is, as plain values."""
    done = steps_done(work, settings)
    drawn = work.record(photos.RECORD) or {"photos": [], "skipped": []}
    mapped = work.record(priors.RECORD) or {"rows": 0, "failed": [], "empty": {}, "means": {}}
    facts: dict[str, Any] = {
        "preset": settings.preset.name,
        "steps": done,
        "complete": done["fuse"],
        "photos": len(drawn["photos"]),
        "skipped": [{"path": one["path"], "why": one["why"]} for one in drawn["skipped"]],
        "priors": mapped["rows"],
        "failed": [{"path": one["path"], "why": one["why"]} for one in mapped["failed"]],
        "means": mapped.get("means", {}),
        "empty": mapped.get("empty", {}),
        "phases": [],
    }
    if done["photos"] and done["priors"]:
        facts["phases"] = [_phase(work, one) for one in (*rounds(work, settings), fusion(work, settings))]
    return facts


def _phase(work: WorkFolder, training: ScheduledPhase) -> dict[str, Any]:
    record = work.record(training.name) or {"epochs": [], "done": False}
    last = record["epochs"][-1] if record["epochs"] else {}
    epochs = f"{len(record['epochs'])}/{training.phase.epochs}"
    return {"name": training.name, "epochs": epochs, "done": bool(record["done"]), **last}
