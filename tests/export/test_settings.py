from __future__ import annotations

import pytest

from maskgen.config.options import options_of
from maskgen.errors import UsageError
from maskgen.export.formats.format import format_class
from maskgen.export.settings import FORMATS, Settings


def test_the_help_names_every_format_and_no_other() -> None:
    told = options_of(Settings)["to"].help
    assert [part.split(":")[0].split()[-1] for part in told.rstrip(".").split(";")] == list(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_class(name: str) -> None:
    assert format_class(name).__doc__


def test_a_mistaken_format_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'coco'"):
        options_of(Settings)["to"].check("cocoo")
