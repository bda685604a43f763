from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import torch

from maskgen.errors import EnvironmentFault
from maskgen.loaders.recipes.parts import Background
from maskgen.loaders.recipes.spec import Recipe, View
from maskgen.trainers.training.log import (
    CollapseAlarm,
    MetricLog,
    ReplacedShare,
    Stopwatch,
    line,
    read,
    spread,
)

if TYPE_CHECKING:
    from maskgen.loaders.batch import Batch


def test_the_spread_of_equal_opposite_and_orthogonal_features() -> None:
    same = torch.tensor([[1.0, 2.0, 3.0]]).repeat(8, 1) * torch.arange(1, 9)[:, None]
    assert spread(same) == pytest.approx(0, abs=1e-3)
    assert spread(torch.eye(2).repeat(4, 1)) == pytest.approx(0.5**0.5)
    assert spread(torch.cat([torch.eye(3), -torch.eye(3)])) == pytest.approx(1)


def test_the_spread_is_simsiams_measure_times_the_root_of_the_width() -> None:
    features = torch.randn(4000, 64, generator=torch.Generator().manual_seed(0))
    theirs = torch.nn.functional.normalize(features, dim=1).std(0).mean()
    assert spread(features) == pytest.approx(float(theirs) * 8, rel=0.01)


def test_the_alarm_sounds_once_and_again_after_a_recovery() -> None:
    alarm = CollapseAlarm()
    heard = [
        alarm.observe(value) for value in (0.5, 0.01, 0.01, 0.3, 0.01, 0.01, 0.01, 0.01, 0.3, 0.0, 0.0, 0.0)
    ]
    assert [i for i, rings in enumerate(heard) if rings] == [6, 11]


def test_the_stopwatch_leaves_pauses_out() -> None:
    now = [0.0]

    def passes(seconds: float) -> None:
        now[0] += seconds

    watch = Stopwatch(clock=lambda: now[0])
    with watch.waiting():
        passes(1)
    passes(3)
    watch.add(200)
    with watch.paused():
        passes(100)
    assert watch.read() == {"images_s": pytest.approx(50), "wait": pytest.approx(0.25)}
    passes(2)
    watch.add(10)
    assert watch.read() == {"images_s": pytest.approx(5), "wait": 0}


def test_the_share_of_replaced_backgrounds_is_that_of_views_that_may_be() -> None:
    share = ReplacedShare(Recipe(views=(View(), View(background=Background(replace="donor", p=0.5)))))
    kinds = torch.tensor([[0, 2], [0, 0], [0, 2], [0, 2]], dtype=torch.uint8)
    skipped = torch.tensor([[True, False], [True, True], [True, False], [True, False]])
    share.add(cast("Batch", {"replaced": kinds, "skipped": skipped}))
    share.add(cast("Batch", {"replaced": torch.zeros(4, 2), "skipped": torch.ones(4, 2)}))
    assert share.read() == {"replaced": 3 / 8, "skipped_views": 5 / 8}
    assert share.read() == {}, "nothing since"
    plain = ReplacedShare(Recipe(views=(View(),)))
    plain.add(cast("Batch", {"replaced": kinds[:, :1], "skipped": skipped[:, :1]}))
    assert plain.read() == {}


def test_records_reach_the_file_and_the_terminal(tmp_path: Path) -> None:
    shown: list[str] = []
    log = MetricLog(tmp_path, echo=shown.append)
    log.write({"step": 5, "epoch": 0.5, "loss": float("nan"), "wait": 0.031, "extra negative": 0.25})
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {
        "step": 5,
        "epoch": 0.5,
        "loss": None,
        "wait": 0.031,
        "extra negative": 0.25,
    }
    assert shown == ["step 5  epoch 0.50  loss nan  wait 3%  extra_negative 0.25"]
    assert line({"step": 1, "lr": 0.0001, "images_s": 812.4}) == "step 1  lr 0.0001  images_s 812"


def test_going_on_drops_what_will_be_repeated_and_a_torn_line(tmp_path: Path) -> None:
    log = MetricLog(tmp_path, echo=lambda _: None)
    for step in (2, 4, 6):
        log.write({"step": step, "loss": 1.0})
    with log.path.open("a") as file:
        file.write('{"step": 8, "lo')
    MetricLog(tmp_path, step=4, echo=lambda _: None).write({"step": 6, "loss": 2.0})
    assert [(record["step"], record["loss"]) for record in read(log.path)] == [(2, 1.0), (4, 1.0), (6, 2.0)]


@pytest.mark.slow
def test_tensorboard_is_asked_for_by_name_where_it_is_absent(tmp_path: Path) -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(EnvironmentFault, match="TensorBoard is not installed"):
            MetricLog(tmp_path, tensorboard=True)
    else:
        log = MetricLog(tmp_path, tensorboard=True, echo=lambda _: None)
        log.write({"step": 1, "loss": 0.5})
        log.close()
        assert list((tmp_path / "tensorboard").glob("events*"))
