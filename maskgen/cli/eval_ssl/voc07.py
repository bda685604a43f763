"""`eval-ssl voc07`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Annotated, Any

import click

from maskgen.config.bounds import above, at_least
from maskgen.config.options import ExistingFolder, NewFolder, option

from ..options import Spelling, click_command
from ..terminal import echo_err, own_options, require_package


def _list_protocols(context: click.Context, _: Any) -> None:
    require_package("torch")
    from maskgen.trainers.evaluations.voc07.protocols import PROTOCOLS

    for name, protocol in PROTOCOLS.items():
        costs = f"{len(protocol.costs)} costs" if len(protocol.costs) > 1 else f"C {max(protocol.costs):g}"
        click.echo(f"{name:11} {protocol.pool:8} {costs:9} {protocol.measure:10} {protocol.source}")
    context.exit()


@dataclass(frozen=True, kw_only=True)
class VocOptions:
    """Options of `eval-ssl voc07`."""

    checkpoint: str = option(MISSING, "As for eval-ssl knn.", group="data")
    backbone: str = option(
        "", "Network of the checkpoint.  [default: as its file says, or its names look like]", group="data"
    )
    data: ExistingFolder = option(
        MISSING,
        "VOC2007, or a folder that holds it or VOCdevkit; with the splits trainval and test.",
        group="data",
    )
    test: ExistingFolder | None = option(
        None, "The same for the split test.  [default: the folder of --data]", group="data"
    )
    output: NewFolder = option(MISSING, "Folder of the result and features.", group="output")
    protocol: str = option("fair", "A paper's settings, see --list.", group="settings")
    costs: Annotated[tuple[float, ...], Spelling(flag="--cost")] = option(
        (),
        "Costs C to choose from, in place of the protocol's; one needs no folds.",
        group="settings",
        bounds=above(0),
    )
    side: int = option(224, "Side of the input.", group="settings", unit="px", bounds=at_least(1))
    seed: int = option(
        0,
        "Seed of the solver's order and of random weights.  [default: 0]",
        group="settings",
        bounds=at_least(0),
    )
    device: str = option("cpu", "Device of the network.", group="machine", choices=("cpu", "cuda"))
    batch_size: int = option(64, "Photos per pass.", group="machine", bounds=at_least(1))
    threads: int = option(2, "Threads that decode.", group="machine", bounds=at_least(1))
    workers: int = option(1, "Processes that fit SVMs.", group="machine", bounds=at_least(1))
    listed: Annotated[bool, Spelling(flag="--list", show=_list_protocols)] = option(
        False, "List the protocols of the papers."
    )


@click_command("voc07", VocOptions)
def command(options: VocOptions) -> None:
    """Mean average precision of linear SVMs on frozen features of PASCAL VOC 2007."""
    require_package("torch")
    from maskgen.trainers.distributed.process_group import join_process_group
    from maskgen.trainers.evaluations.voc07.protocols import find_svm_protocol
    from maskgen.trainers.evaluations.voc07.run import VocConfig, run_voc07

    stop = click.get_current_context().obj
    with own_options(), join_process_group(options.device) as device:
        apart = ("protocol", "costs", "listed", "device")
        given = {name: value for name, value in vars(options).items() if name not in apart}
        precision = "bf16" if options.device == "cuda" else "fp32"
        config = VocConfig(**given, device=device, precision=precision)
        protocol = find_svm_protocol(options.protocol, options.costs)
        result = run_voc07(config, protocol, say=echo_err, stop=stop)
    for name, value in result.items():
        if not isinstance(value, dict):
            click.echo(f"{name:18} {format(value, '.4f') if isinstance(value, float) else value}")
