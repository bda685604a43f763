"""`maskgen challenge-score`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from typing import Annotated, Any

import click

from ..config.options import ExistingFile, ExistingFolder, option
from ..errors import UsageError
from .options import Json, Spelling, click_command


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """Options of `maskgen challenge-score`."""

    challenge: Annotated[ExistingFolder, Spelling(argument=True)] = option(
        MISSING, "Folder that maskgen challenge has made."
    )
    answers: ExistingFile | None = option(
        None, "CSV with the columns variant, key and answer (a class's number, or its folder's name)."
    )
    maps: ExistingFolder | None = option(
        None, "Folder of saliency maps of the original variant, KEY.npy for every photo."
    )
    as_json: Json = option(False, "Print one JSON object.")


@click_command("challenge-score", ScoreOptions)
def command(options: ScoreOptions) -> None:
    """Score any classifier's answers, of whatever program, on the challenge in folder CHALLENGE.

    Accuracy on each variant that was answered; BG-gap (mixed_same - mixed_rand); RFS where the challenge was
    made with --noise, the accuracy of the worst group where with --pairs; and with --maps the delta saliency
    density.

    \b
    maskgen challenge-score challenge/ --answers answers.csv --maps gradcam/
    """  # noqa: D301 - click wants the character itself
    from ..challenge.answers import Challenge, read_answers, score, score_maps

    if not (options.answers or options.maps):
        raise UsageError("there is nothing to score", remedy="--answers FILE, --maps FOLDER, or both")
    challenge = Challenge.open(options.challenge)
    found: dict[str, Any] = {}
    if options.answers:
        found |= score(challenge, read_answers(options.answers, challenge))
    if options.maps:
        found |= score_maps(challenge, options.maps)
    if options.as_json:
        click.echo(json.dumps(found))
        return
    for line in _describe(found):
        click.echo(line)


def _describe(found: Mapping[str, Any]) -> Iterator[str]:
    for name, share in found.get("accuracy", {}).items():
        yield f"{name:24}{share:7.1%}"
    if "background_gap" in found:
        yield f"{'BG-gap':24}{100 * found['background_gap']:7.1f} points"
    if "rfs" in found:
        yield f"{'RFS':24}{found['rfs']:7.3f}"
    for name, share in found.get("groups", {}).items():
        yield f"{name:24}{share:7.1%}"
    if "worst_group" in found:
        yield f"{'worst group':24}{found['worst_group']:7.1%}"
    if "maps" in found:
        yield f"{'delta saliency density':24}{found['delta_saliency_density']:7.3f} ({found['maps']} maps)"
