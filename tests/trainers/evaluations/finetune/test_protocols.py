"""The papers' settings, trials and schedules."""

from __future__ import annotations

import numpy as np
import pytest

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.finetune.protocols import PROTOCOLS, Trial, find_tuning_protocol
from maskgen.trainers.heads.protocols import find_protocol


def test_swavs_rates_fall_to_a_fifth_at_epochs_12_and_16() -> None:
    rate = find_tuning_protocol("swav-1").factor(20, 50)
    found = [rate.at(epoch * 50) for epoch in (0, 11, 12, 15, 16, 19)]
    assert found == pytest.approx([1, 1, 0.2, 0.2, 0.04, 0.04])
    short = find_tuning_protocol("swav-1", epochs=(10,))
    assert short.milestones == (6, 8)
    assert short.factor(10, 1).at(6) == pytest.approx(0.2)


def test_ryalis_are_those_of_linear_evaluation() -> None:
    """A.1.4, against the protocols of `eval-ssl linear`, step by step."""
    for name in ("ryali-moco", "ryali-byol"):
        tuned, linear = find_tuning_protocol(name), find_protocol(name)
        epochs = linear.epochs
        assert (tuned.epochs, tuned.batch_size, tuned.nesterov) == (
            (epochs,),
            linear.batch_size,
            linear.nesterov,
        )
        ours, theirs = tuned.factor(epochs, 6), linear.rate(linear.lr, 6)
        found = [tuned.head_lrs[0] * ours.at(step) for step in range(6 * epochs)]
        assert found == pytest.approx([theirs.at(step) for step in range(6 * epochs)])
    short = find_tuning_protocol("ryali-moco", epochs=(12,))
    assert (short.warmup_epochs, short.milestones) == (1.0, (6, 8, 10))


def test_published_rates() -> None:
    """SwAV's README, RELICv2 D.2, as heads, backbones, batches and weight decay."""
    found = {
        name: (one.lrs[0], one.head_lrs[0], one.batch_size, one.weight_decay)
        for name, one in PROTOCOLS.items()
        if one.head_lrs
    }
    assert found == {
        "ryali-moco": (0.0, 240.0, 2048, 0.0),
        "ryali-byol": (0.0, 0.8, 1024, 0.0),
        "ryali-swav-1": (0.02, 5.0, 256, 0.0),
        "ryali-swav-10": (0.01, 0.2, 256, 0.0),
        "swav-1": (0.02, 5.0, 256, 0.0),
        "swav-10": (0.01, 0.2, 256, 0.0),
        "relicv2-1": (0.04, 10.0, 2048, 0.0),
        "relicv2-10": (0.004, 0.3, 512, 1e-5),
    }
    assert all(set(one.ours) < set(vars(one)) for one in PROTOCOLS.values())


def test_simclrs_and_byols_values() -> None:
    """SimCLR, B.5 and B.8.1; BYOL, C.1 and D.3: rates for 256 images, no warm-up, their codes' cosines."""
    for name, epochs in (("simclr-1", 60), ("simclr-10", 30)):
        one = find_tuning_protocol(name)
        assert (one.lrs, one.epochs, one.batch_size) == ((0.05 * 4096 / 256,), (epochs,), 4096)
    byol = find_tuning_protocol("byol")
    assert [lr * 256 / byol.batch_size for lr in byol.lrs] == pytest.approx([0.01, 0.02, 0.05, 0.1, 0.005])
    assert (byol.batch_size, byol.epochs, byol.interpolation) == (1024, (30, 50), "bicubic")
    assert len(byol.trials()) == 10
    moved = find_tuning_protocol("transfer")
    assert moved.lrs == pytest.approx(np.logspace(-4, -1, 7), rel=1e-4)
    assert (moved.steps, moved.batch_size, moved.refit, moved.interpolation) == (20_000, 256, True, "bicubic")
    for name in ("simclr-1", "simclr-10", "byol", "transfer"):
        one = find_tuning_protocol(name)
        assert one.nesterov
        assert (one.weight_decay, one.warmup_epochs, one.head_lrs) == (0, 0, ())
        rate = one.factor(4, 5)
        assert [rate.at(step) for step in range(20)] == pytest.approx(
            [(1 + np.cos(np.pi * step / 20)) / 2 for step in range(20)]
        )


def test_trials_are_each_rate_with_each() -> None:
    found = find_tuning_protocol("swav-1", lrs=(0.1, 0.2), head_lrs=(1.0, 2.0), epochs=(3,)).trials()
    assert found == [Trial(0.1, 1.0, 3), Trial(0.1, 2.0, 3), Trial(0.2, 1.0, 3), Trial(0.2, 2.0, 3)]
    assert find_tuning_protocol("simclr-1", lrs=(0.1,)).trials() == [Trial(0.1, 0.1, 60)]
    assert str(find_tuning_protocol("transfer").trials()[0]) == "lr 0.0001 head 0.0001"


def test_what_there_is_not_is_said() -> None:
    with pytest.raises(UsageError, match="swav-1"):
        find_tuning_protocol("swav1")
    with pytest.raises(UsageError, match="MSR publishes no fine-tuning"):
        find_tuning_protocol("msr")
    assert find_tuning_protocol("relicv2-10", weight_decay=0.0).weight_decay == 0.0
