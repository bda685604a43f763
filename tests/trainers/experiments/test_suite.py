"""The evaluations of an experiment are a suite whose rows are means over trainings."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from pathlib import Path

from maskgen.trainers.experiments.spec import ArmLine, ArmPlot, Evaluation, Experiment
from maskgen.trainers.experiments.suite import as_suite, left_out

PLACES = {"shards": "/shards", "photos": "/photos"}


def test_each_training_is_a_checkpoint_and_each_arm_a_row(experiment: Experiment) -> None:
    suite = as_suite(experiment, Path("/out"), PLACES, (0, 1), smoke=False)
    assert [(one.name, one.source) for one in suite.checkpoints[:2]] == [
        ("plain/seed-0", "/out/plain/seed-0/training/run"),
        ("plain/seed-1", "/out/plain/seed-1/training/run"),
    ]
    table = suite.tables[0]
    assert table.source == "Somebody et al., A paper; Table 1"
    assert table.rows[1].checkpoints == ("bg-rm/seed-0", "bg-rm/seed-1")
    assert table.rows[2].checkpoints == ()
    assert table.rows[2].published == (80.0, "")
    assert suite.tasks[0].options["data"] == "/photos"
    assert (suite.tasks[0].options["epochs"], suite.title) == (20, "Two arms")


def test_a_plots_points_are_means_over_seeds_with_published_ones_beside(experiment: Experiment) -> None:
    lines = (
        ArmLine(name="ours", arms=("plain", "bg-rm"), published=(70.1, "")),
        ArmLine(name="others", published=(1, 2)),
    )
    plot = ArmPlot(title="p", source="Figure 1", x=(0.0, 1.0), task="probe", metric="top1", lines=lines)
    found = replace(experiment, plots=(plot,))
    (made,) = as_suite(found, Path("/out"), PLACES, (0, 1), smoke=False).plots
    assert (made.title, made.source, made.x, made.metric) == ("p", "Figure 1", (0.0, 1.0), "top1")
    ours, published, others = made.lines
    assert ours.groups(2) == [("plain/seed-0", "plain/seed-1"), ("bg-rm/seed-0", "bg-rm/seed-1")]
    assert (published.name, published.beside, published.y[0]) == ("ours, published", "ours", 70.1)
    assert isnan(published.y[1])
    assert (others.name, others.y, others.beside) == ("others", (1.0, 2.0), "")


def test_smoke_is_said_in_the_title(experiment: Experiment) -> None:
    suite = as_suite(experiment, Path("/out"), PLACES, (0,), smoke=True)
    assert suite.tasks[0].options["epochs"] == 2
    assert suite.title == "Two arms (smoke size: the figures mean nothing)"


def test_tasks_whose_data_were_not_given_are_left_out_with_those_that_need_them(
    experiment: Experiment,
) -> None:
    judged = Evaluation(name="judged", command="linear", options={"head": "probe", "data": "{shards}"})
    other = Evaluation(name="file", command="linear", options={"classes": {"task": "judged"}})
    found = replace(experiment, tasks=(*experiment.tasks, other, judged))
    left = left_out(found, {"shards": "/shards"}, smoke=False)
    assert left["probe"] == "--data photos=PLACE was not given: photos, a folder a class"
    assert left["judged"].startswith("it needs the task probe: ")
    assert sorted(left) == ["file", "judged", "neighbors", "probe"]
    suite = as_suite(found, Path("/out"), {"shards": "/shards"}, (0,), smoke=False)
    assert suite.tasks == ()


def test_a_default_counts_where_a_task_does_not_replace_it(experiment: Experiment) -> None:
    found = replace(experiment, defaults={"data": "{photos}"}, data={**experiment.data, "own": "x"})
    own = Evaluation(name="own", command="knn", options={"data": "{own}"})
    found = replace(found, tasks=(*found.tasks, own))
    assert "own" not in left_out(found, {"own": "/x"}, smoke=False)
    assert "own" in left_out(found, {"photos": "/x"}, smoke=False)
