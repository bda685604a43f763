"""The weights that a method is run with: given, come with maskgen, or fetched by the method's name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import UsageError
from maskgen.io.atomic import file_sha256
from maskgen.io.download import Wanted, cache_folder, fetch_to, weights_file
from maskgen.methods.networks.known import KNOWN_NETWORKS, KnownNetwork, known_by_sha256
from maskgen.methods.networks.onnx.file import require_onnx
from maskgen.methods.registry import METHODS
from maskgen.methods.resolve import choose_runtime

if TYPE_CHECKING:
    from maskgen.io.download import Progress
    from maskgen.methods.spec import MethodOptions


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights.

    Args:
        path: where it lies.
        sha256: of its content.
    """

    path: Path
    sha256: str


def find_weights(
    name: str,
    options: MethodOptions,
    sha256: str = "",
    *,
    accept_license: bool = False,
    progress: Progress | None = None,
) -> Weights:
    """The weights of a learned method, fetched if they are not here.

    What can be seen to be missing without the weights is told before a download begins.

    Args:
        name: of the method.
        options: `weights` is a path or an address; empty for those that come with maskgen or are
            known by the method's name.
        sha256: hex digest that given weights must have; needed for an address.
        accept_license: whether a license that forbids commercial use is accepted.
        progress: told how far a download is.

    Raises:
        UsageError: no weights are given or known, no such file or another one, or a license that has to be
            accepted.
        EnvironmentFault: a download that failed; a package or GPU that is not here.
    """
    if not options.weights and name in KNOWN_NETWORKS:
        choose_runtime(name, dataclasses.replace(options, weights=str(known_path(name))))
        require_onnx()
        path = fetch_known(name, accept_license=accept_license, progress=progress)
        return Weights(path, KNOWN_NETWORKS[name].sha256)
    given = options.weights or METHODS[name].released
    if not given:
        raise UsageError(
            f"--method {name} needs --weights FILE", remedy="docs/how-to/networks.md says where to get them"
        )
    path = weights_file(given, sha256, progress)
    found = Weights(path, sha256.lower() or file_sha256(path))
    if known_as := known_by_sha256(found.sha256):
        _require_license(*known_as, accepted=accept_license)
    return found


def known_path(name: str) -> Path:
    """Where the file of a known network lies, or belongs.

    Raises:
        UsageError: no such network.

    Example:
        >>> from maskgen.pipelines.weights import known_path
        >>> known_path("isnet").name
        'isnet-general-use.onnx'
    """
    return cache_folder() / KNOWN_NETWORKS[name].file_name


def fetch_known(name: str, *, accept_license: bool = False, progress: Progress | None = None) -> Path:
    """The file of a known network: the one in the folder of weights, or else its download.

    Args:
        name: of the network.
        accept_license: whether a license that forbids commercial use is accepted.
        progress: told how far the download is.

    Raises:
        UsageError: a license that has to be accepted; the file there, or what the server has, is another one.
        EnvironmentFault: the download failed.
    """
    known, path = KNOWN_NETWORKS[name], known_path(name)
    _require_license(name, known, accepted=accept_license)
    if path.is_file():
        found = file_sha256(path)
        if found == known.sha256:
            return path
        raise UsageError(
            f"this is not the file that is known as {name}",
            where=str(path),
            cause=f"wanted the SHA-256 {known.sha256}, found {found}: damaged, or other weights",
            remedy="remove it, and it is fetched again; other weights are given with --weights",
        )
    remedy = (
        "try again; if it stays so, the file has changed at its publisher: get one with this hash elsewhere "
        f"and copy it to {path}"
    )
    return fetch_to(path, known.address, Wanted(known.sha256, known.size, known.published, remedy), progress)


def _require_license(name: str, known: KnownNetwork, *, accepted: bool) -> None:
    if known.non_commercial and not accepted:
        raise UsageError(
            f"the weights of {name} may not be used commercially",
            where=known.terms,
            cause=f"their license: {known.license}",
            remedy="read the terms and add --accept-license, or take another method",
        )
