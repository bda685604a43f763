from __future__ import annotations

from pathlib import Path

from maskgen.cli.report import ReportOptions
from maskgen.report.settings import Settings


def test_a_report_from_python_is_that_of_the_command() -> None:
    ours, theirs = Settings(masks=Path("shards")), ReportOptions(masks=Path("shards"))
    for name in ("truth", "compare", "photos", "sheet", "opened", "seed"):
        assert getattr(ours, name) == getattr(theirs, name)
