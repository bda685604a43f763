"""The check of a precision, kept beside the weights: made once for the same weights, machine and versions.

It takes 2 to 15 s, which every resume and every task of a cluster would pay again. A machine on which nothing
can be kept, or that does not say what it is, makes the check each time.
"""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maskgen.config.fingerprint import digest
from maskgen.errors import MaskgenError, ShardFault
from maskgen.io.atomic import make_folder, write_atomic
from maskgen.io.download import cache_folder
from maskgen.methods import PrecisionReport
from maskgen.shards import sealed_json
from maskgen.version import __version__

from ..resolve import ResolvedConfig

_CPU = Path("/proc/cpuinfo")
_GPU = Path("/proc/driver/nvidia")
_CPU_FIELDS = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features")
_STEERED_BY = ("DNNL_", "ONEDNN_", "ATEN_", "MKL_", "OPENBLAS_", "OV_", "NVIDIA_TF32", "CUBLAS_", "CUDNN_")


def kept_report(config: ResolvedConfig) -> PrecisionReport | None:
    """The result of an earlier check of the same weights, arithmetic, machine and versions.

    Returns:
        None when there is none, or it is damaged.
    """
    path = _place(config)
    try:
        found = sealed_json.read(path) if path else {}
        return PrecisionReport(**found["report"]) if found else None
    except (ShardFault, KeyError, TypeError):
        return None


def keep_report(config: ResolvedConfig, report: PrecisionReport) -> None:
    """Keep a result for `kept_report`; where nothing can be written, nothing is."""
    path = _place(config)
    if path is None:
        return
    try:
        make_folder(path.parent)
        write_atomic(path, sealed_json.render({"of": _subject(config), "report": asdict(report)}))
    except (MaskgenError, OSError):
        return


def _place(config: ResolvedConfig) -> Path | None:
    subject = _subject(config)
    return cache_folder() / "checks" / f"{digest(subject)}.json" if subject["machine"] else None


def _subject(config: ResolvedConfig) -> dict[str, Any]:
    """Everything the result depends on."""
    method = asdict(config.method_on(config.devices[0]))
    del method["weights"]  # a path; their hash counts
    return {
        "maskgen": __version__,
        "method": {"name": config.options.method, **method},
        "weights": config.weights_sha256,
        "versions": config.versions,
        "machine": _machine(config.devices[0]),
        "environment": {name: value for name, value in os.environ.items() if name.startswith(_STEERED_BY)},
    }


def _machine(device: str) -> list[str]:
    """What computes: the CPU with its abilities, the GPUs with their driver; empty when it is not known."""
    try:
        first = _CPU.read_text().split("\n\n", 1)[0].splitlines()
        facts = [platform.machine(), *(line for line in first if line.split("\t")[0].strip() in _CPU_FIELDS)]
        if device != "cpu":
            facts.append((_GPU / "version").read_text())
            gpus = sorted((_GPU / "gpus").glob("*/information"))
            models = [line for one in gpus for line in one.read_text().splitlines() if line[:5] == "Model"]
            return [*facts, *models] if models else []
    except OSError:
        return []
    return facts if len(facts) > 1 else []
