"""Any saliency network as an ONNX file, prepared and finished as its declaration says."""

from __future__ import annotations

import dataclasses
import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import UsageError
from maskgen.methods.spec import NetworkSpec

from ..known import KNOWN_NETWORKS
from ..openvino import import_openvino
from .declaration import Declaration, fit_declaration, read_declaration
from .file import ModelFile, read_model
from .session import PRECISIONS, onnx_infer

if TYPE_CHECKING:
    from maskgen.methods.network import Infer, NetworkInput
    from maskgen.methods.spec import MethodOptions


def declare(options: MethodOptions) -> str:
    """The declared input and output of a model as one line of JSON, fitted to the model.

    Args:
        options: with the model's path as `weights`, and as `network` a known name, a TOML file or this line
            itself; empty for a model that maskgen has exported, which holds it.

    Raises:
        UsageError: a declaration that cannot be read or does not fit the model; no model.
        EnvironmentFault: the package onnx is not installed.
    """
    if options.network.startswith("{"):
        return options.network
    if options.network:
        return _fit(read_declaration(options.network), options)
    file = read_model(_path(options))
    own = file.declaration if file.declaration.startswith("{") else ""
    return fit_declaration(read_declaration(own), file).render()


def _fit(declaration: Declaration, options: MethodOptions) -> str:
    return fit_declaration(declaration, _path(options)).render()


def _path(options: MethodOptions) -> Path:
    if not options.weights:
        remedy = "give the .onnx file's path with --weights; maskgen weights get NAME prints a known one's"
        raise UsageError("the network needs its model", remedy=remedy)
    return Path(options.weights)


def onnx_input(options: MethodOptions) -> NetworkInput:
    """How the model's photos are prepared.

    Raises:
        UsageError: as `declare`.
        EnvironmentFault: the package onnx is not installed.
    """
    return read_declaration(declare(options)).input


def load_onnx(options: MethodOptions) -> Infer:
    """The model in ONNX Runtime or OpenVINO.

    Args:
        options: resolved: runtime and precision are named, and `network` is what `declare` gave.

    Raises:
        UsageError: a model that cannot be run.
        EnvironmentFault: a package, a GPU or a kind of arithmetic that is not here.
    """
    if options.runtime == "openvino":
        import_openvino()  # here, so that no later import of it reports to anybody
    declaration = read_declaration(options.network)
    return onnx_infer(
        Path(options.weights),
        declaration.input,
        declaration.output,
        runtime=options.runtime,
        device=options.device,
        precision=options.precision,
    )


def declared_network(name: str, method: str, *, free_resize: bool = False) -> NetworkSpec:
    """A network as an ONNX file that needs no `network` among the options.

    Args:
        name: of its declaration, one of `KNOWN`.
        method: that takes such files.
        free_resize: whether the option `resize` chooses the kernel, and not the declaration.
    """
    declare_it = partial(_declare_known, name, method, free_resize)
    return NetworkSpec(
        lambda options: read_declaration(declare_it(options)).input,
        load_onnx,
        PRECISIONS,
        packages=(),
        declare=declare_it,
    )


def _declare_known(name: str, method: str, free_resize: bool, options: MethodOptions) -> str:
    """What `declare` gives for a known declaration; a file that is another network's is refused."""
    if options.network.startswith("{"):
        return options.network
    if options.network:
        raise UsageError("--network is for --method onnx", where=options.network, remedy="leave it out")
    declaration, file = read_declaration(name), read_model(_path(options))
    _require_own(file, declaration, method)
    if free_resize:
        photos = dataclasses.replace(declaration.input, resize=options.resize)
        declaration = dataclasses.replace(declaration, input=photos)
    return fit_declaration(declaration, file).render()


def _require_own(file: ModelFile, declaration: Declaration, method: str) -> None:
    """Refuse a file that says of itself, or is known by its hash, to be of another method.

    Raises:
        UsageError: it is.
    """
    words, remedy = "", "use --method onnx"
    alike = {name: one.sha256 for name, one in KNOWN_NETWORKS.items() if one.size == len(file.data)}
    if alike.keys() - {method}:
        sha256 = hashlib.sha256(file.data).hexdigest()
        found = [name for name, known in alike.items() if known == sha256]
        if found and method not in found:
            words, remedy = f"it is the published file of {found[0]}", f"use --method {found[0]}"
    if file.declaration.startswith("{") and not _alike(read_declaration(file.declaration), declaration):
        words = f"maskgen wrote it, as the network {file.network}, whose photos are prepared in another way"
    if words:
        raise UsageError(
            f"the weights are not those of {method}", where=file.where, cause=words, remedy=remedy
        )


def _alike(one: Declaration, other: Declaration) -> bool:
    """Whether two declarations differ in nothing but side and kernel, which may be chosen."""
    first, second = (dataclasses.replace(this.input, side=0, resize="antialias") for this in (one, other))
    return (first, one.output) == (second, other.output)


ONNX = NetworkSpec(onnx_input, load_onnx, PRECISIONS, packages=(), declare=declare)
"""A network that the user describes."""
