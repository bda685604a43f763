"""MSR's baselines against its section 4.1, written down a second time."""

from __future__ import annotations

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.presets import find_preset
from maskgen.trainers.presets.msr_baselines import msr_baselines

METHODS = ("simclr", "mocov2", "simsiam", "byol")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("msr-cifar-200", ("resnet18-small", 32, 256, "sgd", 0.1, 0, 5e-4)),
        ("msr-stl-800", ("resnet18-small", 64, 256, "sgd", 0.1, 0, 5e-4)),
        ("msr-imagenet100-100", ("resnet50", 224, 256, "sgd", 0.2, 0, 1e-4)),
    ],
)
def test_settings_are_the_papers(
    method: str, name: str, figures: tuple[str, int, int, str, float, float, float]
) -> None:
    preset = find_preset(method, name)
    side = preset.views.views[0].size
    decay, warmup = preset.weight_decay, preset.warmup_epochs
    assert (
        preset.backbone,
        side,
        preset.batch_size,
        preset.optimizer,
        preset.peak_lr,
        warmup,
        decay,
    ) == figures
    assert preset.schedule == "cosine epoch"
    assert (
        preset.views.views[0].photometric == find_preset("mocov2", "imagenet-200").views.views[0].photometric
    )


def test_what_the_paper_says_of_single_methods() -> None:
    moco = find_preset("mocov2", "msr-cifar-200")
    assert (moco.symmetric, moco.ema) == (True, 0.99)
    byol, large = find_preset("byol", "msr-stl-200"), find_preset("byol", "msr-imagenet100-200")
    assert (byol.head_hidden, byol.predictor_hidden, byol.head_out) == (1024, 1024, 128)
    assert (large.head_hidden, large.predictor_hidden, large.head_out) == (4096, 4096, 256)
    assert (byol.ema, byol.ema_final) == (0.99, 1.0)
    assert not find_preset("simsiam", "msr-cifar-200").fixed_predictor_lr  # table 8


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="temperature"):
        msr_baselines("simclr", ours=(), large={}, temperature=0.0)
