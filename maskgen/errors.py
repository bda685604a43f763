"""Every error a user can meet: what, which key or file, the likely cause, what to do next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

EXIT_DONE = 0
EXIT_FAULTS = 1
EXIT_USAGE = 2
EXIT_ENVIRONMENT = 3
EXIT_INTERRUPTED = 75

Argument: TypeAlias = tuple[str, Any]
"""A parameter of the function that was called, and a value that would do; a text in <> describes one."""


class UserFacing(BaseException):
    """What ends a command with a message of the four parts a user needs to act on it.

    Args:
        what: what went wrong, as a sentence without its full stop.
        where: the key, file or option concerned; empty when there is none.
        cause: the likely cause; empty when `what` already says it.
        remedy: what to do next; empty when there is nothing to do, or nothing but `arguments`.
        arguments: any of which would help too.
    """

    exit_code: ClassVar[int] = EXIT_FAULTS

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        cause: str = "",
        remedy: str = "",
        arguments: Sequence[Argument] = (),
    ) -> None:
        super().__init__(what, where, cause, remedy)
        self.what = what
        self.where = where
        self.cause = cause
        self.arguments = tuple(arguments)
        self._words = remedy
        self._options: Mapping[str, str] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.cause, self._words, self.arguments))

    def __str__(self) -> str:
        parts = [self.what + (f": {self.where}" if self.where else "")]
        if self.cause:
            parts.append(f"Likely cause: {self.cause}.")
        if remedy := self.remedy:
            parts.append(f"Next: {remedy}" + ("" if remedy.endswith("?") else "."))
        return "\n  ".join(parts)

    @property
    def remedy(self) -> str:
        """What to do next, the arguments that would help among it."""
        ways = [way for way in (*(self._spelt(*one) for one in self.arguments), self._words) if way]
        return f"{', '.join(ways[:-1])}, or {ways[-1]}" if len(ways) > 1 else "".join(ways)

    def name_options(self, options: Mapping[str, str]) -> None:
        """Speak of a command line's options in place of a function's arguments.

        Args:
            options: what is written before the value, by parameter, such as ``{"on_error": "--on-error "}``;
                arguments that are not in it are not spoken of.
        """
        self._options = options

    def rename(self, old: str, new: str) -> None:
        """Speak of a place by another name, as of an address in place of the folder that stands for it.

        Example:
            >>> from maskgen.errors import ShardFault
            >>> fault = ShardFault("no manifest here", where="/tmp/work")
            >>> fault.rename("/tmp/work", "s3://bucket/shards")
            >>> str(fault)
            'no manifest here: s3://bucket/shards'
        """
        self.what, self.where = self.what.replace(old, new), self.where.replace(old, new)
        self.cause, self._words = self.cause.replace(old, new), self._words.replace(old, new)

    def _spelt(self, name: str, value: Any) -> str:
        if self._options is None:
            quoted = isinstance(value, str) and not value.startswith("<")
            return f"{name}={json.dumps(value) if quoted else value}"
        if name not in self._options:
            return ""
        return f"no {self._options[name].strip()}" if value is None else f"{self._options[name]}{value}"


class MaskgenError(UserFacing, Exception):
    """An error."""


class UsageError(MaskgenError):
    """Wrong options, configuration or fingerprint (exit 2).

    Example:
        >>> from maskgen.errors import UsageError
        >>> print(UsageError("no such method", where="rdb", remedy="did you mean 'rbd'?"))
        no such method: rdb
          Next: did you mean 'rbd'?
    """

    exit_code = EXIT_USAGE


class EnvironmentFault(MaskgenError):
    """Disk, GPU, permission or a missing package (exit 3)."""

    exit_code = EXIT_ENVIRONMENT


class ShardFault(MaskgenError):
    """A shard, index, table or manifest that is not what its record says (exit 1)."""


class SourceFault(MaskgenError):
    """An input container (tar, zip, TFRecord, annotations) that cannot be read as a whole (exit 2)."""

    exit_code = EXIT_USAGE


class Interrupted(UserFacing):
    """Stopped by a signal; the same command resumes (exit 75).

    Like KeyboardInterrupt it is no Exception: it may be raised between any two lines, and code that takes
    whatever a decoder or codec raises for damage must not take a signal for it.
    """

    exit_code = EXIT_INTERRUPTED


class ImageFault(MaskgenError):
    """One image that cannot become a sample; it is quarantined and the run goes on.

    Args:
        reason: a short stable slug, for example ``truncated`` or ``too-many-pixels``.
        detail: the measured facts, for example ``20000x20000 px, cap 64000000``.

    Example:
        >>> from maskgen.errors import ImageFault
        >>> str(ImageFault("too-many-pixels", "20000x20000 px"))
        'too-many-pixels: 20000x20000 px'
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        return (ImageFault, (self.reason, self.detail))


def _rebuild(
    kind: type[UserFacing], what: str, where: str, cause: str, remedy: str, arguments: tuple[Argument, ...]
) -> UserFacing:
    """Errors cross process borders with their keyword arguments."""
    return kind(what, where=where, cause=cause, remedy=remedy, arguments=arguments)
