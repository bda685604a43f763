"""What is trained, how long and how: every number with its source.

Two kinds of training share everything: DeepUSPS's, from the four priors, and the distilling of any teachers
into a student.

P = the paper (Nguyen et al., "DeepUSPS", NeurIPS 2019), C = its released code, R = RELICv2, appendix B.2.1
(Tomasev et al., 2022), own = measured or chosen here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from typing import Any

from maskgen.config.bounds import at_least, between
from maskgen.config.options import option
from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

PRIORS = ("rbd", "mr", "dsr", "mc")
"""The priors that there are, all training-free."""
VOTE = "vote"
"""The four in one map, as `maskgen.methods.priors.vote.vote` makes it.

One more source of labels, which is none of DeepUSPS's.
"""
SOURCES = (*PRIORS, VOTE)
STUDENTS = ("lite0", "lite1", "lite2")
"""Networks of `--method student`; all others are of `--method deepusps`."""
CUT_AT = 0.5
"""The middle: where maps that went through a color cut are cut, and labels that a network has made (P, C)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One training: a round of a prior, or the fusion.

    `--set rounds.lr=...` and `--set fusion.lr=...` change a field.
    """

    epochs: int = option(MISSING, "Passes over the photos.", bounds=between(1, 100_000))
    lr: float = option(MISSING, "Of Adam in the first epoch; falls as (1 - epoch / epochs) ** power.")
    batch_size: int = option(
        MISSING,
        "Photos per step; the last, smaller batch of an epoch is left out.",
        bounds=between(1, 100_000),
    )
    loss: str = option(
        "f",
        "f: the F-measure of cut labels; edges: cross-entropy of soft labels, heavier at edges, and IoU.",
        choices=("f", "edges"),
    )
    beta2: float = option(1.0, "Weight of recall in the F-measure loss, squared.")
    schedule: str = option(  # C: (1 - epoch / epochs) ** 0.9
        "polynomial",
        "How the learning rate falls: polynomial, by the epoch, with Adam; cosine, by the step, with AdamW.",
        choices=("polynomial", "cosine"),
    )
    power: float = option(0.9, "Of the polynomial decay.")
    warmup: int = option(0, "Steps in which a cosine's learning rate rises from zero.", bounds=at_least(0))
    weight_decay: float = option(0.0, "Of AdamW.", bounds=at_least(0))
    encoder_lr: float = option(
        1.0, "The encoder's learning rate, as a share of the rest's (cosine).", bounds=between(0, 1)
    )
    frozen: int = option(
        0, "A student's stages, from the first, that stay as the encoder began.", bounds=between(0, 7)
    )
    clip: float = option(0.0, "Longest gradient; 0: any.", bounds=at_least(0))
    ema: float = option(
        0.0,
        "Share that the moving average of the weights keeps at a step; the average is the network. 0: none.",
        bounds=between(0, 0.99999),
    )
    view: int = option(
        0, "Side of the views that are trained on; 0: the preset's.", unit="px", bounds=between(0, 2048)
    )
    agree: float = option(
        0.0,
        "A round's end leaves out the photos whose labels its own masks overlap with less, as IoU.",
        bounds=between(0, 1),
    )
    crf_every: int = option(  # C: after every epoch
        1, "Epochs between two CRF passes into the running average; 0: one pass, after the last epoch."
    )
    keep: float = option(  # C: 0.7 * average + 0.3 * CRF(prediction)
        0.7,
        "Share of the running average that a CRF pass leaves; the new maps get the rest.",
        bounds=between(0, 0.999),
    )
    flip: bool = option(False, "Mirror each photo and its labels with probability 1/2.")  # C: no augmentation
    crop: float = option(
        1.0,
        "Least side of a random crop, as a share of the photo's; 1: the whole photo.",
        bounds=between(0.1, 1),
    )
    colour: float = option(
        0.0,
        "Largest change of brightness, contrast and saturation, as a share; 0: none.",
        bounds=between(0, 1),
    )
    paste: float = option(
        0.0,
        "Chance that a photo's object is pasted onto another photo's background; 0: never.",
        bounds=between(0, 1),
    )
    precision: str = option(
        "fp32",
        "Arithmetic of the network: fp32, or bf16 and fp16 autocast.",
        choices=("fp32", "bf16", "fp16"),
    )

    @property
    def steps_predict(self) -> bool:
        """Whether the steps' own predictions enter the average.

        Of whole photos, nothing added, and in more passes than one.
        """
        return self.crop == 1 and not self.paste and self.crf_every > 0

    @property
    def passes(self) -> int:
        """How many times predictions enter the running average."""
        return self.epochs // self.crf_every if self.crf_every else 1

    def enters_after(self, epoch: int) -> bool:
        """Whether predictions enter the running average after this epoch, counted from 1."""
        return epoch % self.crf_every == 0 if self.crf_every else epoch == self.epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A whole training. `--set side=...` changes a field.

    Args:
        name: of the preset.
        summary: one line for `--help`.
        needs_init: whether its learning rates are made for an encoder that has been trained already.
        rounds: of pseudo-label training, for each prior; none: the fusion learns from the cut priors.
        fusion: the training on all refined labels at once.
    """

    name: str
    summary: str
    side: int = option(
        MISSING, "Photos and maps are resized to this square.", unit="px", bounds=between(16, 2048)
    )
    images: int = option(MISSING, "How many photos are sampled.", bounds=at_least(1))
    priors: tuple[str, ...] = option(
        MISSING, "Maps to learn from, each refined by a network of its own.", choices=SOURCES
    )  # of a distilling: its teachers' names
    network: str = option(MISSING, "A name that `maskgen.methods.networks.deepusps.network` knows.")
    needs_init: bool
    crf_side: int = option(
        MISSING, "Side of the square that the CRF works on; 0: no CRF.", unit="px", bounds=between(0, 2048)
    )
    rounds: tuple[Phase, ...]
    fusion: Phase
    threshold: float = option(  # P: 1.5 x the mean; C: .25 RBD, .31 MC, .23 DSR, which is that on MSRA-B
        1.5, "A prior's maps are cut at this many times their mean over all photos.", bounds=at_least(0.01)
    )
    cut: bool = option(  # P, C: no color cut
        False,
        "Carry each prior's map on by its photo's own colors first, as `vote` does with the mean of "
        "the four; "
        "it is then cut in the middle, whatever the threshold says.",
    )
    joint: bool = option(  # P, C: each prior has its own networks
        False,
        "Train one network a round on the labels of all priors at once; each prior's new labels are then the "
        "color cut of the mean of its maps and the network's.",
    )

    taught: bool = option(
        False, "Learn from the whole maps of given methods, soft as they are, in place of priors."
    )
    mirror: bool = option(
        False,
        "Show a photo's mirror image to the teachers too, and learn the mean of both maps; twice the time.",
    )
    agree: float = option(
        0.0,
        "Leave out the photos on which masks of two teachers overlap with less, as IoU.",
        bounds=between(0, 1),
    )
    held: float = option(
        0.0, "Share of the photos that is held back, to judge the network by.", bounds=between(0, 0.5)
    )
    sharpen: float = option(
        1.0,
        "What a student's logits are multiplied by when it is exported. One that learned from soft and "
        "doubtful maps is as sure as it is right, and that is softer than a mask should be.",
        bounds=between(0.1, 100),
    )
    mix: float = option(
        0.0, "Share of the last round's masks in the labels of the next.", bounds=between(0, 1)
    )

    def threshold_of(self, prior: str, mean: float) -> float:
        """Where the maps of a prior whose mean over all photos is `mean` are cut, in [0, 1]."""
        return CUT_AT if self.cut or self.taught or prior == VOTE else self.threshold * mean


ORIGINAL = Preset(
    name="original",
    summary="as released for MSRA-B, with ResNet-101; days on one GPU",
    side=432,  # C: 432 x 432, aspect not kept
    images=2500,  # P, C: MSRA-B's training split
    # C: MC, HS, DSR, RBD. HS, the weakest of them, is not to be had here; R takes MR in its place.
    priors=PRIORS,
    network="resnet101",  # P: DRN-D-105, and ResNet-101 with similar scores; C: DRN-D-105
    needs_init=True,  # C: from Cityscapes, with labels; here from --init
    crf_side=432,  # C
    rounds=(
        Phase(epochs=25, lr=1e-6, batch_size=10, beta2=1.0),  # C; P: 20 a batch, which its code makes 10
        Phase(epochs=25, lr=2e-6, batch_size=10, beta2=1.0),  # C
        Phase(epochs=25, lr=5e-6, batch_size=10, beta2=1.0),  # C; P: doubled each round
    ),
    fusion=Phase(epochs=200, lr=1e-4, batch_size=10, beta2=4.0),  # C
)

RELICV2 = Preset(
    name="relicv2",
    summary="as RELICv2: a self-supervised ResNet-50 2x; days on one GPU",
    side=432,  # R: the remaining settings are C's
    images=2500,  # R: a random subset of ImageNet's training set
    priors=PRIORS,  # R
    network="resnet50x2",  # R: from SwAV's released checkpoint
    needs_init=True,  # R
    crf_side=432,  # R: as C
    rounds=(
        Phase(epochs=25, lr=1e-5, batch_size=10, beta2=1.0),  # R
        Phase(epochs=25, lr=2e-5, batch_size=10, beta2=1.0),  # R: doubled each round
        Phase(epochs=25, lr=4e-5, batch_size=10, beta2=1.0),  # R
    ),
    fusion=Phase(epochs=200, lr=1e-5, batch_size=10, beta2=4.0),  # R; beta2: C
)

_FROM_NOTHING = Phase(  # own, all of it: a network that begins with random weights
    epochs=40,
    lr=1e-3,
    batch_size=8,
    # P: .3, C: 1 and 4. F is greatest with what is foreground by F / (1 + beta2): more than 1/2 only for a
    # small one
    beta2=0.4,
    crf_every=0,
    flip=True,
    crop=0.55,
    colour=0.35,
    paste=0.6,
    precision="bf16",
)

FAST = Preset(
    name="fast",
    summary="a small network from random weights; half an hour on two cores",
    side=128,  # own
    images=640,  # own
    priors=SOURCES,  # R, and own: the vote
    network="small",  # own
    needs_init=False,
    crf_side=0,  # own: the color cut of a joint round takes its place
    rounds=(_FROM_NOTHING, _FROM_NOTHING),
    fusion=dataclasses.replace(_FROM_NOTHING, epochs=80),
    cut=True,  # own
    joint=True,  # own
)

_TAUGHT = Phase(  # own, all of it
    epochs=20,
    lr=2e-3,
    batch_size=16,
    loss="edges",
    schedule="cosine",
    warmup=60,
    weight_decay=1e-2,
    encoder_lr=0.15,
    frozen=3,
    clip=5.0,
    ema=0.998,
    view=224,
    crf_every=0,
    flip=True,
    crop=0.5,
    colour=0.4,
    paste=0.15,
)

STUDENT = Preset(
    name="student",
    summary="a student of good teachers: one training on their maps",
    side=256,
    images=20_000,
    priors=(),
    network="lite0",
    needs_init=True,
    crf_side=0,
    rounds=(),
    fusion=_TAUGHT,
    joint=True,
    taught=True,
    agree=0.5,
    held=0.05,
    sharpen=2.0,  # on the half that chooses: a fifth of the error less, all else as it was
)

NOISY = dataclasses.replace(
    STUDENT,
    agree=0.0,  # its rounds find the photos on which a teacher is wrong
    name="noisy",
    summary="a student of noisy teachers: a first one says which of their maps the second should not see",
    rounds=(dataclasses.replace(_TAUGHT, epochs=8, agree=0.6, paste=0.0),),
    fusion=dataclasses.replace(_TAUGHT, epochs=15),
)

_TRIED = dataclasses.replace(_TAUGHT, epochs=2, batch_size=2, view=32, warmup=1)

PUPIL = dataclasses.replace(
    STUDENT,
    name="test-student",
    summary="six photos of 64 px, to try the steps: its masks are worth nothing",
    side=64,
    images=6,
    agree=0.0,
    rounds=(dataclasses.replace(_TRIED, agree=0.01, paste=0.0),),
    fusion=dataclasses.replace(_TRIED, paste=0.5),
    held=0.3,
)

TEST = Preset(
    name="test",
    summary="six photos of 32 px, to try the steps: its masks are worth nothing",
    side=32,
    images=6,
    priors=("rbd", "mc"),
    network="small",
    needs_init=False,
    crf_side=16,
    rounds=(
        Phase(epochs=2, lr=1e-3, batch_size=2, beta2=1.0, keep=0.3, flip=True),
        Phase(epochs=2, lr=1e-3, batch_size=2, beta2=1.0, keep=0.1, crf_every=2, flip=True),
    ),
    fusion=Phase(epochs=2, lr=1e-3, batch_size=2, beta2=4.0, flip=True),
)

PRESETS = {preset.name: preset for preset in (ORIGINAL, RELICV2, FAST, TEST, STUDENT, NOISY, PUPIL)}
SHOWN = ("original", "relicv2", "fast")
"""Presets that the help of `maskgen deepusps` names."""
SHOWN_TAUGHT = ("student", "noisy")
"""Presets that the help of `maskgen distill` names."""


def find_preset(name: str, *, taught: bool = False) -> Preset:
    """A preset of `PRESETS`.

    Args:
        name: of the preset.
        taught: whether it must be one for teachers, or one for priors.

    Raises:
        UsageError: there is none of that name.
    """
    known = [one for one, preset in PRESETS.items() if preset.taught is taught]
    if name not in known:
        shown = SHOWN_TAUGHT if taught else SHOWN
        raise UsageError(f"unknown preset {name!r}", remedy=nearest(name, list(shown)))
    return PRESETS[name]


def as_facts(preset: Preset) -> dict[str, Any]:
    """A preset as plain JSON values: rounds become a mapping, so that differences name the round."""
    facts = dataclasses.asdict(preset)
    del facts["summary"]
    facts["priors"] = list(preset.priors)
    facts["rounds"] = {
        str(number): dataclasses.asdict(phase) for number, phase in enumerate(preset.rounds, 1)
    }
    return facts


def from_facts(facts: dict[str, Any]) -> Preset:
    """The preset that `as_facts` wrote."""
    rounds = tuple(Phase(**facts["rounds"][number]) for number in sorted(facts["rounds"], key=int))
    values = {**facts, "rounds": rounds, "fusion": Phase(**facts["fusion"]), "priors": tuple(facts["priors"])}
    return Preset(**values, summary="")
