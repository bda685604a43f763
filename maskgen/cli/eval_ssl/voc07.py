"""`eval-ssl voc07`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Annotated, Any

from maskgen.config.bounds import above, at_least
from maskgen.config.options import ExistingFolder, option

from ..options import Spelling, click_command
from ..terminal import echo_err
from .task import EncoderOptions, choose_precision, list_table, open_ranks, show_result


def _describe(name: str, protocol: Any) -> str:
    costs = f"{len(protocol.costs)} costs" if len(protocol.costs) > 1 else f"C {max(protocol.costs):g}"
    return f"{name:11} {protocol.pool:8} {costs:9} {protocol.measure:10} {protocol.source}"


_list_protocols = list_table("evaluations.voc07.protocols", "PROTOCOLS", _describe)


@dataclass(frozen=True, kw_only=True)
class VocOptions(EncoderOptions):
    """Options of `eval-ssl voc07`."""

    data: ExistingFolder = option(
        MISSING,
        "VOC2007, or a folder that holds it or VOCdevkit; with the splits trainval and test.",
        group="data",
    )
    test: ExistingFolder | None = option(
        None, "The same for the split test.  [default: the folder of --data]", group="data"
    )
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
    batch_size: int = option(64, "Photos per pass.", group="machine", bounds=at_least(1))
    workers: int = option(
        1,
        "Processes that fit SVMs: they are fitted by one process, not under torchrun.",
        group="machine",
        bounds=at_least(1),
    )
    listed: Annotated[bool, Spelling(flag="--list", show=_list_protocols)] = option(
        False, "List the protocols of the papers."
    )


@click_command("voc07", VocOptions)
def command(options: VocOptions) -> None:
    """Mean average precision of linear SVMs on frozen features of PASCAL VOC 2007."""
    with open_ranks(options.device) as (device, stop):
        from maskgen.trainers.evaluations.voc07.protocols import find_svm_protocol
        from maskgen.trainers.evaluations.voc07.run import VocConfig, run_voc07

        apart = ("protocol", "costs", "listed")
        given = {name: value for name, value in vars(options).items() if name not in apart}
        given |= {"device": device, "precision": choose_precision(options.device)}
        protocol = find_svm_protocol(options.protocol, options.costs)
        show_result(run_voc07(VocConfig(**given), protocol, say=echo_err, stop=stop))
