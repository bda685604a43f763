"""The last step: the finished network as a checkpoint for `--method deepusps` or `student`.

A file beside it says how it was made.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from maskgen.errors import ShardFault, UsageError
from maskgen.io.atomic import file_sha256, make_folder, write_atomic

from ..data import photos, priors
from ..settings.presets import as_facts
from ..settings.settings import Settings
from ..status import weights_path
from ..training.phase import network_path, photos_sha256, save_network
from ..training.schedule import FUSION
from ..work_folder import Facts, WorkFolder
from .judge import JUDGED

ENDING = ".safetensors"


def export(
    work: WorkFolder,
    settings: Settings,
    target: Path | None = None,
    phase: str = FUSION,
    *,
    half: bool = False,
) -> Path:
    """Write a network's checkpoint, and a JSON of the same name that says how it was made.

    Args:
        work: the training's folder.
        settings: of the training.
        target: a .safetensors file; None: named after its method, in the training's folder.
        phase: whose network: the fusion, or a round whose network was kept.
        half: whether values are rounded to float16, for half the size.

    Returns:
        The checkpoint's path.

    Raises:
        UsageError: the ending is wrong, or that network is not there.
        ShardFault: the stored network is damaged.
        EnvironmentFault: the disk is full, broken or read-only.
    """
    target = target or weights_path(work, settings)
    if target.suffix != ENDING:
        raise UsageError(
            "a checkpoint's name ends in .safetensors",
            where=str(target),
            remedy="give such a name with --output",
        )
    source = network_path(work, phase)
    record = work.record(phase)
    if record is None or not record["done"] or "network_sha256" not in record:
        raise UsageError(
            f"the network of {phase} is not in this folder",
            where=str(work.root),
            cause="that phase is not done, or it ran without --keep-networks",
            remedy=f"maskgen deepusps status {work.root} lists the phases",
        )
    if not source.is_file() or file_sha256(source) != record["network_sha256"]:
        raise ShardFault(
            "the stored network is damaged",
            where=str(source),
            cause="a torn copy or bit rot",
            remedy=f"remove {work.root / 'records' / phase}.json: the phase is then done again, with the "
            "same result",
        )
    make_folder(target.parent)
    factor = settings.preset.sharpen if settings.method == "student" else 1.0
    if half or factor != 1:
        from maskgen.methods.networks.checkpoint import read_metadata

        from ..training.checkpoints import SHARPEN, exported_weights

        weights = exported_weights(source, half=half, factor=factor)
        metadata = read_metadata(settings.method, source)
        if factor != 1:
            metadata[SHARPEN] = str(factor)  # for those who begin with it
        sha256 = save_network(target, weights, metadata)
    else:
        write_atomic(target, source.read_bytes())
        sha256 = record["network_sha256"]
    facts = made_by(work, settings, phase)
    facts["weights"] = {"file": target.name, "bytes": target.stat().st_size, "sha256": sha256}
    if settings.method == "student":
        facts["onnx"] = _write_onnx(target)
    text = json.dumps(facts, indent=1, sort_keys=True)
    write_atomic(target.with_suffix(".json"), (text + "\n").encode())
    return target


def _write_onnx(weights: Path) -> dict[str, Any]:
    """The student as an ONNX model beside its checkpoint, for `--method onnx` and other projects."""
    from maskgen.methods import MethodOptions
    from maskgen.methods.networks.checkpoint import read_arrays, read_metadata
    from maskgen.methods.networks.student.method import student_input
    from maskgen.methods.networks.student.onnx_export import student_to_onnx

    name = read_metadata("student", weights)["network"]
    model = student_to_onnx(read_arrays(weights), student_input(MethodOptions(weights=str(weights))), name)
    path = weights.with_suffix(".onnx")
    write_atomic(path, model)
    return {"file": path.name, "bytes": len(model), "sha256": hashlib.sha256(model).hexdigest()}


def made_by(work: WorkFolder, settings: Settings, phase: str) -> dict[str, Any]:
    """How a network was made: the command, every number, every photo with its hash, and its losses."""
    drawn = work.record(photos.RECORD) or {}
    mapped = work.record(priors.RECORD) or {}
    kept = set(mapped["kept"])
    used = [one for number, one in enumerate(drawn["photos"]) if number in kept]
    return {
        "command": settings.command,
        "preset": as_facts(settings.preset),
        "seed": settings.seed,
        "init_sha256": settings.init_sha256,
        "versions": settings.versions,
        "dataset": settings.dataset,
        "inputs": [Path(place).name for place in settings.inputs],
        "data": photos_sha256(drawn),
        "photos": [{"input": one["input"], "path": one["path"], "sha256": one["sha256"]} for one in used],
        "skipped": drawn["skipped"],
        "failed": mapped["failed"],
        "prior_means": mapped["means"],
        "phase": phase,
        "epochs": (work.record(phase) or {})["epochs"],
        **_taught(work, settings, drawn, mapped),
    }


def _taught(work: WorkFolder, settings: Settings, drawn: Facts, mapped: Facts) -> Facts:
    """Of a student: its teachers, the photos held back, and how it did on them."""
    if not settings.teachers:
        return {}
    held = [drawn["photos"][number] for number in mapped["held"]]
    judged = work.record(JUDGED) or {}
    return {
        "teachers": [one.facts() for one in settings.teachers],
        "held": [{"input": one["input"], "path": one["path"], "sha256": one["sha256"]} for one in held],
        "judged": {name: judged[name] for name in ("iou", "worst") if name in judged},
    }
