"""What is trained, how long and how: every number with its source.

P = the paper (Nguyen et al., "DeepUSPS", NeurIPS 2019), C = its released code, R = RELICv2, appendix B.2.1
(Tomasev et al., 2022), own = measured or chosen here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

PRIORS = ("rbd", "mr", "dsr", "mc")
"""The priors that there are, all training-free."""
VOTE = "vote"
"""The four in one map, as `maskgen.methods.priors.vote.vote` makes it: one more source of labels, which is none of DeepUSPS's."""
SOURCES = (*PRIORS, VOTE)
CUT_AT = 0.5
"""The middle: where maps that went through a colour cut are cut, and labels that a network has made (P, C)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One training: a round of a prior, or the fusion.

    Args:
        epochs: passes over the photos.
        lr: of Adam in the first epoch; it falls as ``(1 - epoch / epochs) ** power``.
        batch_size: photos per step; the last, smaller batch of an epoch is left out.
        beta2: weight of recall in the F-measure loss, squared.
        power: of the polynomial decay.
        crf_every: epochs between two CRF passes into the running average; 0: one pass, after the last epoch.
        keep: share of the running average that a CRF pass leaves; the new maps get the rest.
        flip: mirror each photo and its labels with probability 1/2.
        crop: least side of a random crop, as a share of the photo's; 1: the whole photo.
        colour: largest change of brightness, contrast and saturation, as a share; 0: none.
        paste: chance that a photo's object is pasted onto another photo's background; 0: never.
        precision: arithmetic of the network: ``fp32``, or ``bf16`` and ``fp16`` autocast.
    """

    epochs: int
    lr: float
    batch_size: int
    beta2: float
    power: float = 0.9  # C: (1 - epoch / epochs) ** 0.9
    crf_every: int = 1  # C: after every epoch
    keep: float = 0.7  # C: 0.7 * average + 0.3 * CRF(prediction)
    flip: bool = False  # C: no augmentation at all
    crop: float = 1.0
    colour: float = 0.0
    paste: float = 0.0
    precision: str = "fp32"

    @property
    def steps_predict(self) -> bool:
        """Whether the steps' own predictions enter the average: of whole photos, nothing added, and in more passes than one."""
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
    """A whole training.

    Args:
        name: of the preset.
        summary: one line for `--help`.
        side: photos and maps are resized to this square, px.
        images: how many photos are sampled.
        priors: names of `SOURCES`, each refined by a network of its own.
        network: a name that `maskgen.methods.networks.deepusps.network` knows.
        needs_init: whether its learning rates are made for an encoder that has been trained already.
        crf_side: side of the square that the CRF works on, px; 0: no CRF.
        rounds: of pseudo-label training, for each prior; none: the fusion learns from the cut priors.
        fusion: the training on all refined labels at once.
        joint: whether a round trains one network on the labels of all priors at once; each prior's new labels are then the
            colour cut of the mean of its maps and the network's. Else each prior has its own networks, as in P and C.
        threshold: a prior's maps are cut at this many times their mean over all photos.
        cut: whether each prior's map is first carried on by its photo's own colours, as `vote` does with the mean of the four;
            it is then cut at `CUT_AT`, whatever `threshold` says.
    """

    name: str
    summary: str
    side: int
    images: int
    priors: tuple[str, ...]
    network: str
    needs_init: bool
    crf_side: int
    rounds: tuple[Phase, ...]
    fusion: Phase
    threshold: float = 1.5  # P: 1.5 x the mean; C: .25 RBD, .31 MC, .23 DSR, which is that on MSRA-B
    cut: bool = False  # P, C: no colour cut
    joint: bool = False

    def threshold_of(self, prior: str, mean: float) -> float:
        """Where the maps of a prior whose mean over all photos is `mean` are cut, in [0, 1]."""
        return CUT_AT if self.cut or prior == VOTE else self.threshold * mean


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
    # P: .3, C: 1 and 4. F is greatest with what is foreground by F / (1 + beta2): more than 1/2 only for a small one
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
    crf_side=0,  # own: the colour cut of a joint round takes its place
    rounds=(_FROM_NOTHING, _FROM_NOTHING),
    fusion=dataclasses.replace(_FROM_NOTHING, epochs=80),
    cut=True,  # own
    joint=True,  # own
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

PRESETS = {preset.name: preset for preset in (ORIGINAL, RELICV2, FAST, TEST)}
SHOWN = ("original", "relicv2", "fast")
"""Presets that `--help` names."""


def preset_named(name: str) -> Preset:
    """A preset of `PRESETS`.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in PRESETS:
        raise UsageError(f"unknown preset {name!r}", remedy=nearest(name, list(SHOWN)))
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
