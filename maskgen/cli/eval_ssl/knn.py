"""`eval-ssl knn`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from maskgen.config.bounds import above, at_least
from maskgen.config.options import ExistingFolder, option

from ..options import Spelling, click_command, nested
from ..terminal import echo_err
from .probe import ProbeOptions, evaluate


@dataclass(frozen=True, kw_only=True)
class KnnOptions:
    """Options of `eval-ssl knn`."""

    probe: ProbeOptions = nested(ProbeOptions)
    ks: Annotated[tuple[int, ...], Spelling(flag="--k")] = option(
        (10, 20, 100, 200), "How many neighbors; of fewer images all.", group="settings", bounds=at_least(1)
    )
    temperature: float = option(0.07, "Temperature of the votes.", group="settings", bounds=above(0))
    challenge: ExistingFolder | None = option(
        None,
        "Folder of maskgen challenge: also the accuracy on each of its variants, and the BG-gap.",
        group="data",
    )


@click_command("knn", KnnOptions)
def command(options: KnnOptions) -> None:
    """Accuracy of weighted nearest neighbors."""

    def work(config: Any, _stop: Any) -> dict[str, Any]:
        from maskgen.trainers.probes.tasks import run_knn

        return run_knn(
            config,
            ks=list(options.ks),
            temperature=options.temperature,
            challenge=options.challenge,
            say=echo_err,
        )

    evaluate(work, options.probe)
