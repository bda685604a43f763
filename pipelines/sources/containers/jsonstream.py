"""Large JSON files read element by element: COCO's annotations are 450 MB, several gigabytes as objects."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from maskgen.errors import SourceFault
from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import open_stream

_CHUNK_CHARACTERS = 1 << 20
_MAX_ELEMENT_CHARACTERS = 64 << 20
_NUMBER_GOES_ON = ("", ".", "e", "E")
_BLANK = re.compile(r"[ \t\r\n]*")


def array_elements(path: Location) -> Iterator[tuple[str, Any]]:
    """The elements of every top-level array of a JSON object, each with the array's key, in file order.

    Other top-level values are checked and left out. Memory is bounded by the largest single element, at most
    64 MiB.

    Raises:
        SourceFault: not JSON, not an object, truncated, or an element above the bound.
    """
    try:
        with io.TextIOWrapper(open_stream(path), encoding="utf-8-sig") as file:
            yield from _Scanner(file).pairs()
    except OSError as error:
        raise SourceFault(
            "cannot read a JSON file",
            where=str(path),
            cause=str(error.strerror),
            remedy="check that it is there and may be read",
        ) from error
    except (ValueError, RecursionError) as error:
        raise SourceFault(
            "cannot read a JSON file", where=str(path), cause=str(error), remedy="download or write it again"
        ) from error


class _Scanner:
    """A window of text that moves through the file."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def pairs(self) -> Iterator[tuple[str, Any]]:
        self._take("{")
        while not self._skip("}"):
            key = self._value()
            if not isinstance(key, str):
                raise ValueError(f"a key that is no string: {str(key)[:40]!r}")  # noqa: TRY004 - the data is wrong
            self._take(":")
            if self._skip("["):
                for element in self._elements():
                    yield key, element
            else:
                self._value()
            if not self._skip(","):
                self._take("}")
                break
        if self._peek():
            raise ValueError("text after the end of the object")

    def _elements(self) -> Iterator[Any]:
        while not self._skip("]"):
            yield self._value()
            if not self._skip(","):
                self._take("]")
                return

    def _peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text) or not self._grow():
                return self._text[self._at : self._at + 1]

    def _skip(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True

    def _take(self, sign: str) -> None:
        if not self._skip(sign):
            raise ValueError(f"expected {sign!r}, found {self._peek() or 'the end of the file'!r}")

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if not self._grow():
                    raise
                continue
            # A number cut by the window's end goes on in the next piece: "0." reads as 0 and a dot.
            if self._text[end : end + 1] in _NUMBER_GOES_ON and self._grow():
                continue
            self._at = end
            return value

    def _grow(self) -> bool:
        """Drop what was read, then add as much as is held, at least a chunk; False at the end of the file."""
        if self._ended:
            return False
        self._text, self._at = self._text[self._at :], 0
        if len(self._text) > _MAX_ELEMENT_CHARACTERS:
            raise ValueError(f"an element of more than {_MAX_ELEMENT_CHARACTERS} characters, or damaged text")
        more = self._file.read(max(_CHUNK_CHARACTERS, len(self._text)))
        self._ended = not more
        self._text += more
        return bool(more)
