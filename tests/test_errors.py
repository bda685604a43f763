from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

from maskgen import errors


def test_an_error_says_what_where_why_and_what_next() -> None:
    error = errors.UsageError("no such thing", where="a.jpg", cause="a typo", remedy="look again")
    assert str(error) == "no such thing: a.jpg\n  Likely cause: a typo.\n  Next: look again."


HELP = [("on_error", "skip"), ("photos", "<a folder>"), ("tile", False), ("cache", None), ("open_files", 4)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (None, 'on_error="skip", photos=<a folder>, tile=False, cache=None, open_files=4, or look again'),
        ({"on_error": "--on-error "}, "--on-error skip, or look again"),
        ({"photos": "--photos ", "cache": "--cache "}, "--photos <a folder>, no --cache, or look again"),
        ({"open_files": "--set files="}, "--set files=4, or look again"),
        ({}, "look again"),
    ],
)
def test_each_interface_names_the_arguments_that_help_its_own_way(
    options: dict[str, str] | None, told: str
) -> None:
    error = errors.ShardFault("damaged", remedy="look again", arguments=HELP)
    if options is not None:
        error.name_options(options)
    assert str(error) == f"damaged\n  Next: {told}."


def test_arguments_alone_and_nothing_at_all() -> None:
    error = errors.UsageError("no such thing", arguments=[("seed", 1)])
    assert str(error) == "no such thing\n  Next: seed=1."
    error.name_options({})
    assert str(error) == "no such thing"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.MaskgenError, 1),
        (errors.ShardFault, 1),
        (errors.UsageError, 2),
        (errors.SourceFault, 2),
        (errors.EnvironmentFault, 3),
        (errors.Interrupted, 75),
    ],
)
def test_exit_status_and_process_borders(kind: type[errors.UserFacing], status: int) -> None:
    error = kind("what", where="where", cause="cause", remedy="remedy", arguments=[("seed", 1)])
    assert error.exit_code == status
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.arguments == error.arguments


def test_a_signal_is_not_taken_for_damage() -> None:
    """Whoever asks a decoder or a codec takes any Exception for damage."""
    assert not issubclass(errors.Interrupted, Exception)
    assert issubclass(errors.MaskgenError, Exception)


def test_image_faults_cross_process_borders() -> None:
    copy = pickle.loads(pickle.dumps(errors.ImageFault("truncated", "5 of 9 bytes")))
    assert (copy.reason, copy.detail, str(copy)) == ("truncated", "5 of 9 bytes", "truncated: 5 of 9 bytes")


ROOT = Path(__file__).parents[1]
PACKAGES = ("maskgen", "pipelines", "loaders", "trainers")
KINDS = {"MaskgenError", "UsageError", "EnvironmentFault", "ShardFault", "SourceFault"}
NOTHING_TO_DO = {
    "{} takes {}, got {}",  # what it takes is what to give
    "{} must be {}{}, got {}",
    "{} takes a {}, not {}",
    "the network has an operator that the export does not know: {}",  # ours alone
    "a sample has other members than the data set",
    "a checkpoint is damaged",  # of deepusps: the phase begins anew by itself
    "it is another run's: its configuration is not this one's",  # the checkpoint before is taken
}


def written(node: ast.expr) -> str:
    """The words of a text, with {} for what is filled in."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


def test_an_error_says_what_to_do_wherever_something_can_be_done() -> None:
    silent = set()
    for file in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        source = file.read_text()
        if any(parent.is_symlink() for parent in file.parents) or not any(kind in source for kind in KINDS):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
                told = {keyword.arg for keyword in node.keywords} & {"remedy", "arguments", None}
                literal = isinstance(node.args[0], ast.Constant | ast.JoinedStr)
                if literal and not told and (what := written(node.args[0])) not in NOTHING_TO_DO:
                    silent.add(f"{file.relative_to(ROOT)}: {what}")
    assert not silent


def test_the_pages_that_messages_name_are_there() -> None:
    named = set()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            named |= set(re.findall(r"docs/[\w/-]+\.md", file.read_text()))
    named.discard("docs/ssl/x.md")  # that of a method to be added
    assert named
    assert not [page for page in sorted(named) if not (ROOT / page).is_file()]
