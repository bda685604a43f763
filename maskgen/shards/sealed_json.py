"""JSON files that notice their own damage: canonical text with the SHA-256 of the rest inside."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from ..config.fingerprint import digest
from ..errors import ShardFault
from ..io.storage.location import Location
from ..io.storage.reading import read_whole

MEND = "copy the data set again, or where it was made: maskgen verify --repair, then maskgen run"
_SEAL = "seal"


def render(value: dict[str, Any]) -> bytes:
    """The bytes of a sealed JSON object: sorted keys, one space of indent, ASCII."""
    return (_indented({**value, _SEAL: digest(value)}, "\n") + "\n").encode()


def _indented(value: Any, lead: str) -> str:
    """What `json.dumps` with sorted keys and an indent of 1 gives, which takes three times as long.

    A resume reads and writes as many objects as there are shards.
    """
    if type(value) is str:
        return _quoted(value)
    if type(value) is int:
        return str(value)
    inner = f"{lead} "
    if isinstance(value, dict) and value:
        parts = [f"{_quoted(name)}: {_indented(part, inner)}" for name, part in sorted(value.items())]
        return f"{{{inner}{f',{inner}'.join(parts)}{lead}}}"
    if isinstance(value, list | tuple) and value:
        return f"[{inner}{f',{inner}'.join([_indented(part, inner) for part in value])}{lead}]"
    return json.dumps(value)


def parse(data: bytes, where: str) -> dict[str, Any]:
    """The object inside sealed bytes, without its seal.

    Raises:
        ShardFault: any byte differs from what `render` wrote.
    """
    try:
        value = json.loads(data)
        value.pop(_SEAL)
        sound = render(value) == data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ShardFault("a file is damaged", where=where, cause=repr(error), remedy=MEND) from error
    if not sound:
        raise ShardFault(
            "a file is damaged: its seal does not fit",
            where=where,
            cause="bit rot or a hand edit",
            remedy=MEND,
        )
    return dict(value)


def read(path: Location) -> dict[str, Any]:
    """Read a sealed file.

    Raises:
        ShardFault: absent or damaged.
    """
    return parse(read_bytes(path), path.name)


def read_bytes(path: Location) -> bytes:
    """The bytes of a sealed file, damaged or not.

    Raises:
        ShardFault: it cannot be read.
    """
    try:
        return read_whole(path)
    except OSError as error:
        raise ShardFault(
            "cannot read a file of the data set", where=path.name, cause=str(error), remedy=MEND
        ) from error
