"""`eval-ssl finetune`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from maskgen.config.bounds import above, at_least
from maskgen.config.options import ExistingFile, option

from ..options import Spelling, click_command, nested
from ..terminal import echo_err
from .probe import ChoiceOptions, ProbeOptions, evaluate
from .task import list_table
from .tuning import TuningOptions


def _describe(name: str, protocol: Any) -> str:
    rates = ",".join(f"{lr:g}" for lr in protocol.lrs)
    heads = ",".join(f"{lr:g}" for lr in protocol.head_lrs) or "the same"
    long = f"{protocol.steps} steps" if protocol.steps else f"{','.join(map(str, protocol.epochs))} epochs"
    return f"{name:10} {long}, batch {protocol.batch_size}, lr {rates}, head {heads}: {protocol.source}"


_list_protocols = list_table("evaluations.finetune.protocols", "PROTOCOLS", _describe)


@dataclass(frozen=True, kw_only=True)
class FinetuneOptions:
    """Options of `eval-ssl finetune`."""

    probe: ProbeOptions = nested(ProbeOptions)
    choice: ChoiceOptions = nested(ChoiceOptions)
    protocol: str = option("swav-10", "A paper's settings, see --protocols.", group="settings")
    listed: Annotated[ExistingFile, Spelling(flag="--list")] | None = option(
        None,
        "File that names the training images, one a line (SimCLR's 1percent.txt).  [default: all]",
        group="data",
    )
    allow_missing: bool = option(
        False, "Go on without images of the list that are not there; they are counted.", group="data"
    )
    lrs: Annotated[tuple[float, ...], Spelling(flag="--lr")] = option(
        (),
        "Learning rates of the backbone; the best is kept; 0 leaves it as it is.  [default: the protocol's]",
        group="settings",
        bounds=at_least(0),
    )
    head_lrs: Annotated[tuple[float, ...], Spelling(flag="--head-lr")] = option(
        (),
        "Learning rates of the classifier, each with each --lr.  [default: the protocol's]",
        group="settings",
        bounds=above(0),
    )
    tuning: TuningOptions = nested(TuningOptions)
    layer_decay: float | None = option(
        None,
        "Factor of the learning rate from each layer to the one before it.  [default: the protocol's, 1]",
        group="settings",
        bounds=above(0, 1),
    )
    protocols: Annotated[bool, Spelling(show=_list_protocols)] = option(
        False, "List the protocols of the papers."
    )


@click_command("finetune", FinetuneOptions)
def command(options: FinetuneOptions) -> None:
    """Accuracy of the whole network, trained with a classifier from the checkpoint."""

    def work(config: Any, stop: Any) -> dict[str, Any]:
        import dataclasses

        from maskgen.trainers.evaluations.finetune.protocols import find_tuning_protocol
        from maskgen.trainers.evaluations.finetune.run import TuningQuestion, run_finetune

        protocol = find_tuning_protocol(
            options.protocol,
            lrs=options.lrs,
            head_lrs=options.head_lrs,
            layer_decay=options.layer_decay,
            **options.tuning.changes,
        )
        question = TuningQuestion(
            listed=options.listed, allow_missing=options.allow_missing, metric=options.choice.metric or ""
        )
        config = dataclasses.replace(config, validation=options.choice.validation)
        return run_finetune(config, protocol, question, say=echo_err, stop=stop)

    evaluate(work, options.probe)
