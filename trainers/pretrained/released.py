"""Torchvision's ImageNet classifiers, the supervised baseline of the papers' tables."""

from __future__ import annotations

import re
import urllib.error
from pathlib import Path

import torch
from torchvision.models import get_model_weights, list_models

from maskgen.config.suggest import nearest
from maskgen.errors import EnvironmentFault, UsageError
from maskgen.io.atomic import file_sha256, folder_lock

_MARK = re.compile(r"-([a-f0-9]{8,})\.")
"""The beginning of a file's SHA-256 in its name."""
_RESNET = re.compile(r"resnet\d+")


def supervised_file(backbone: str) -> Path:
    """The file of a ResNet's first ImageNet weights (IMAGENET1K_V1) in torch's cache, fetched once.

    Args:
        backbone: ``resnet18`` .. ``resnet152``.

    Raises:
        UsageError: torchvision has no such classifier.
        EnvironmentFault: it cannot be fetched.
    """
    known = [name for name in list_models() if _RESNET.fullmatch(name)]
    if backbone not in known:
        raise UsageError(
            f"torchvision has no supervised {backbone!r}",
            remedy=f"{nearest(backbone, known)}; or give a file of weights",
        )
    address = str(get_model_weights(backbone)["IMAGENET1K_V1"].url)
    return fetch_marked(address, Path(torch.hub.get_dir()) / "checkpoints")


def fetch_marked(address: str, folder: Path) -> Path:
    """A file whose name holds the beginning of its SHA-256, from the folder or else from the address.

    One process fetches it, others wait.

    Args:
        address: ends in the name, such as ``resnet50-0676ba61.pth``.
        folder: where it is kept.

    Raises:
        EnvironmentFault: no connection, or other bytes than its name says.
    """
    path = folder / address.rpartition("/")[2]
    mark = _MARK.search(path.name)
    if mark is None:
        raise ValueError(f"{path.name} does not say its SHA-256")
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder):
        if path.is_file() and file_sha256(path).startswith(mark[1]):
            return path
        try:
            torch.hub.download_url_to_file(address, str(path), mark[1], progress=False)
        except (urllib.error.URLError, OSError, RuntimeError) as error:
            raise EnvironmentFault(
                "cannot fetch torchvision's weights",
                where=address,
                cause=str(error),
                remedy=f"download the file elsewhere and put it at {path}, or give it to --checkpoint",
            ) from error
    return path
