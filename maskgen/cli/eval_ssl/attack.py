"""`eval-ssl attack`."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from typing import Annotated, Any

import click

from maskgen.config.bounds import above, at_least
from maskgen.config.options import ExistingFolder, option

from ..options import Spelling, click_command, nested
from .classifier import ClassifierOptions, judge


@dataclass(frozen=True, kw_only=True)
class AttackOptions:
    """Options of `eval-ssl attack`."""

    classifier: ClassifierOptions = nested(ClassifierOptions)
    data: ExistingFolder = option(
        MISSING, "The photos, laid out as ImageNet's validation photos, see eval-ssl robust.", group="data"
    )
    photos: int = option(
        0, "How many are attacked, evenly taken.  [default: all]", group="data", bounds=at_least(0)
    )
    attack: str = option("both", "The attack.", group="settings", choices=("both", "fgsm", "pgd"))
    epsilons: Annotated[tuple[float, ...], Spelling(flag="--epsilon")] = option(
        (2.0, 4.0, 8.0, 16.0), "Most that a value changes, in 255ths.", group="settings", bounds=above(0)
    )
    steps: int = option(40, "Steps of PGD.", group="settings", bounds=at_least(1))
    seeds: int = option(3, "Random starts of PGD.", group="settings", bounds=at_least(1))
    partial: bool = option(False, "Attack what there is of photos that are not all.", group="safety")


@click_command("attack", AttackOptions)
def command(options: AttackOptions) -> None:
    """Accuracy of a finished classifier on photos that FGSM and PGD have changed."""

    def work(config: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.distributed.ranks import rank
        from maskgen.trainers.evaluations.robust.attacked import ATTACKS, AttackConfig, run_attack

        asked = AttackConfig(
            probe=dataclasses.replace(config, data=options.data, precision="fp32"),
            head=options.classifier.head,
            names=options.classifier.classes,
            attacks=ATTACKS if options.attack == "both" else (options.attack,),
            epsilons=options.epsilons,
            steps=options.steps,
            seeds=options.seeds,
            photos=options.photos,
            partial=options.partial,
        )
        result = run_attack(asked, say=click.echo, stop=stop)
        for name, figure in result["figures"].items() if rank() == 0 else ():
            mean, error = (figure, None) if name == "clean" else (figure["mean"], figure["sem"])
            click.echo(f"{name:12} {mean:.4f}" + (f" ± {error:.4f}" if error is not None else ""))
        return result

    judge(work, options.classifier)
