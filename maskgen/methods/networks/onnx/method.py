"""Any saliency network as an ONNX file, prepared and finished as its declaration says."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import UsageError
from maskgen.methods.spec import NetworkSpec

from ..openvino import import_openvino
from .declaration import Declaration, fit_declaration, read_declaration
from .file import read_model
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


def declared_network(name: str, *, free_resize: bool = False) -> NetworkSpec:
    """A network as an ONNX file that needs no `network` among the options.

    Args:
        name: of its declaration, one of `KNOWN`.
        free_resize: whether the option `resize` chooses the kernel, and not the declaration.
    """
    declare_it = partial(_declare_known, name, free_resize)
    return NetworkSpec(
        lambda options: read_declaration(declare_it(options)).input,
        load_onnx,
        PRECISIONS,
        packages=(),
        declare=declare_it,
    )


def _declare_known(name: str, free_resize: bool, options: MethodOptions) -> str:
    """What `declare` gives for a known declaration."""
    if options.network.startswith("{"):
        return options.network
    if options.network:
        raise UsageError("--network is for --method onnx", where=options.network, remedy="leave it out")
    declaration = read_declaration(name)
    if free_resize:
        photos = dataclasses.replace(declaration.input, resize=options.resize)
        declaration = dataclasses.replace(declaration, input=photos)
    return _fit(declaration, options)


ONNX = NetworkSpec(onnx_input, load_onnx, PRECISIONS, packages=(), declare=declare)
"""A network that the user describes."""
