"""`maskgen export-onnx`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config.bounds import between
from ..config.options import NewFile, option
from ..errors import EnvironmentFault, UsageError
from .options import Json, click_command
from .terminal import echo_err
from .units import format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PHOTOS = ("animals/cat.jpg", "things/desk.jpg")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `maskgen export-onnx`."""

    method: str = option(MISSING, "Which network.", choices=("u2net", "u2netp"))
    weights: str = option(MISSING, "Its checkpoint, a path or an address.")
    weights_sha256: str = option("", "SHA-256 that the checkpoint must have; needed for an address.")
    output: NewFile = option(MISSING, "The ONNX file to write.")
    side: int = option(320, "Side of the input, px.", bounds=between(32, 2048), unit="px")
    force: bool = option(False, "Replace a file that is there.")
    as_json: Json = option(False, "Print one JSON object.")


@click_command("export-onnx", ExportOptions)
def command(options: ExportOptions) -> None:
    """Write U²-Net as an ONNX model with a free batch axis.

    The model is run on two photos by ONNX Runtime or OpenVINO before it is written; when
    its saliency differs from torch's by more than 0.0001 anywhere, nothing is written.

    \b
    maskgen export-onnx --method u2netp --weights u2netp.pth --output u2netp.onnx
    maskgen run --method onnx --weights u2netp.onnx ...
    """  # noqa: D301 - click wants the character itself
    from ..io.atomic import write_atomic
    from ..io.download import weights_file

    output = options.output
    if output.exists() and not options.force:
        raise UsageError("there is a file already", where=str(output), remedy="--force replaces it")
    model, error = _export(
        options.method, weights_file(options.weights, options.weights_sha256), options.side
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(output, model)
    if options.as_json:
        sha256 = hashlib.sha256(model).hexdigest()
        facts = {"output": str(output), "bytes": len(model), "sha256": sha256, "max_error": error}
        click.echo(json.dumps(facts))
        return
    click.echo(
        f"{output}: {format_size(len(model))}, at most {error:.1e} from torch's float64 on "
        f"{len(_PHOTOS)} photos"
    )


def _export(method: str, weights: Path, side: int) -> tuple[bytes, float]:
    """The model, and how far its saliency is from torch's.

    Raises:
        EnvironmentFault: a package is missing, or the model is further from torch than it may be.
        UsageError: the weights are not those of the network.
    """
    try:
        from ..methods import MethodOptions
        from ..methods.networks.onnx import translate
        from ..methods.networks.u2net.method import u2net_input
        from ..methods.networks.u2net.onnx_export import u2net_to_onnx
        from ..methods.networks.u2net.weights import load_network
    except ImportError as error:
        remedy = "pip install 'maskgen[train,onnx]'"
        raise EnvironmentFault("the export needs torch", cause=str(error), remedy=remedy) from error
    network = load_network(method, weights)
    echo_err("maskgen: tracing the network, about a minute")
    model = u2net_to_onnx(network, side, method)
    echo_err(f"maskgen: comparing the model with torch's float64 on {len(_PHOTOS)} photos")
    difference = translate.export_error(network, model, _photos(side), u2net_input(MethodOptions()))
    if difference > translate.MAX_ERROR:
        raise EnvironmentFault(
            f"the exported model is {difference:.1e} from torch's float64, at most {translate.MAX_ERROR:.0e} "
            "is right",
            cause="a fault in this version of torch or of the runtime",
            remedy="try another version; nothing was written",
        )
    return model, difference


def _photos(side: int) -> NDArray[Any]:
    """(2, side, side, 3) pixels as the network wants them."""
    import numpy as np

    from ..io.images.decode import Limits, decode
    from ..methods.networks.onnx.declaration import KNOWN
    from ..release import PHOTOS

    how = replace(KNOWN["u2net"].input, side=side)
    limits = Limits(max_bytes=1 << 24, max_pixels=1 << 24, max_side=1 << 14)
    photos = [decode((PHOTOS / name).read_bytes(), limits).image for name in _PHOTOS]
    return np.stack([how.prepare(photo) for photo in photos])
