"""Weights by address: https or an object store, of a known SHA-256, kept in a cache folder."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any

from ..errors import EnvironmentFault, UsageError
from .atomic import PartialFile, file_sha256, folder_lock, fsync_folder, make_folder, sweep_partials
from .storage.address import names_object, parse_address
from .storage.location import open_location
from .storage.nearby import object_parts

MAX_BYTES = 4 << 30
TIMEOUT_S = 30.0
"""Without a byte, not of the whole transfer."""
SLOWEST_BYTES, SLOWEST_S = 1 << 16, 60.0
"""A transfer that brings less than so much in so long counts as broken off."""
ATTEMPTS = 8
"""Connections for one file; each after the first goes on where the last one broke off."""
CHUNK_BYTES = 1 << 20
_REMEDY = "check --weights-sha256 and where the weights come from; they were not used"
FOLDER_VARIABLE = "MASKGEN_WEIGHTS"
"""Environment variable: the folder of weights, in place of the cache."""

Progress = Callable[[int, int], None]
"""Called with the bytes received so far and the bytes expected (0: unknown)."""


def weights_file(weights: str, sha256: str = "", progress: Progress | None = None) -> Path:
    """The local file of weights given by path or address.

    Args:
        weights: a path, an https:// address, or one in an object store.
        sha256: hex digest that the file must have; needed for an address.
        progress: told how far a download is.

    Raises:
        UsageError: no such file, another SHA-256, or what `fetch` refuses.
        EnvironmentFault: the download failed.
    """
    if is_address(weights):
        return fetch(weights, sha256, progress=progress)
    path = Path(weights)
    if not path.is_file():
        raise UsageError("there is no such weights file", where=weights, remedy="check --weights")
    if sha256:
        wanted, found = _digest(sha256), file_sha256(path)
        if found != wanted:
            raise _other_bytes(weights, wanted, found, _REMEDY)
    return path


def is_address(text: str) -> bool:
    """Whether `text` is an address and not a path.

    Example:
        >>> from maskgen.io.download import is_address
        >>> is_address("https://example.org/u2netp.pth"), is_address("u2netp.pth")
        (True, False)
    """
    return "://" in text


def cache_folder() -> Path:
    """Where weights are kept: MASKGEN_WEIGHTS, or a folder below XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get(FOLDER_VARIABLE, ""):
        return Path(own).expanduser().absolute()
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    return base / "maskgen" / "weights"


def fetch(
    address: str,
    sha256: str,
    folder: Path | None = None,
    *,
    max_bytes: int = MAX_BYTES,
    progress: Progress | None = None,
) -> Path:
    """Download a file once; later calls find it in the cache by its SHA-256, without the network.

    The file appears whole and with the right content or not at all. A cached file that has rotted is fetched
    again.

    Args:
        address: https://..., s3://..., gs://... or az://...; http:// only of this machine itself (a mirror
            behind a tunnel).
        sha256: hex digest of the content.
        folder: the cache, `cache_folder()` by default.
        max_bytes: refuse more than this.
        progress: told how far the download is.

    Raises:
        UsageError: a refused or wrong address, no or a wrong SHA-256, a file that is too large.
        EnvironmentFault: no connection, one that broke off, or a full disk.
    """
    _require_known(address)
    if not sha256:
        raise UsageError(
            "weights from an address need their SHA-256",
            where=hide_secrets(address),
            remedy="give --weights-sha256 (from the publisher, or sha256sum of a copy that you trust)",
        )
    wanted = Wanted(_digest(sha256), max_bytes)
    final = (folder or cache_folder()) / _file_name(address, wanted.sha256)
    if final.is_file() and file_sha256(final) == wanted.sha256:
        return final
    return fetch_to(final, address, wanted, progress)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file must be to be taken.

    Args:
        sha256: hex digest, lower case.
        max_bytes: more is refused.
        published: another digest, as its publisher gives it: ``md5:...``; empty for none.
        remedy: what to do when it is another file.
    """

    sha256: str
    max_bytes: int = MAX_BYTES
    published: str = ""
    remedy: str = _REMEDY


def fetch_to(final: Path, address: str, wanted: Wanted, progress: Progress | None = None) -> Path:
    """Download a file to a place, whatever is there; of many processes one does it, the others wait.

    Where another process has brought the file meanwhile, nothing is sent.

    Args:
        final: the place; its folder is made.
        address: as `fetch`.
        wanted: what the file must be.
        progress: told how far the download is; of one that waits for another process, (0, 0).

    Raises:
        UsageError: a refused or wrong address, a file that is too large or another one.
        EnvironmentFault: no connection, one that broke off, or a full disk.
    """
    _require_known(address)
    make_folder(final.parent)
    with folder_lock(final.parent, lambda: progress(0, 0) if progress else None):
        if final.is_file() and file_sha256(final) == wanted.sha256:
            return final
        sweep_partials(final.parent)
        with PartialFile(final) as partial:
            try:
                _receive(address, partial, wanted.max_bytes, progress)
            except (urllib.error.URLError, HTTPException, OSError) as error:
                raise _explain(address, error, final) from error
            _require_same(address, partial, wanted)
            partial.sync()
            partial.publish()
            fsync_folder(final.parent)
    return final


def _require_same(address: str, partial: PartialFile, wanted: Wanted) -> None:
    """Make sure that what was received is what was wanted."""
    where = hide_secrets(address)
    if partial.sha256 != wanted.sha256:
        raise _other_bytes(where, wanted.sha256, partial.sha256, wanted.remedy)
    if wanted.published:
        kind, _, digest = wanted.published.partition(":")
        with partial.path.open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
        if found != digest:
            raise _other_bytes(where, f"{kind} {digest}", found, wanted.remedy)


def _receive(address: str, partial: PartialFile, max_bytes: int, progress: Progress | None) -> None:
    """Bring the whole file, in several pieces where the connection breaks and the server can go on."""
    if names_object(address):
        expected, parts = object_parts(open_location(address), "the weights file")
        _require_size(address, expected, max_bytes)
        for part in parts:
            partial.write(part)
            if progress:
                progress(partial.size, expected)
        return
    for attempt in range(ATTEMPTS):
        begun = partial.size
        can_resume = False
        try:
            with _ask(address, begun) as answer:
                can_resume = begun > 0 or answer.headers.get("Accept-Ranges") == "bytes"
                _copy(answer, address, partial, max_bytes, progress)
        except urllib.error.HTTPError:
            raise
        except (HTTPException, OSError):
            if not can_resume or partial.size == begun or attempt == ATTEMPTS - 1:
                raise
        else:
            return


def _ask(address: str, begin: int) -> Any:
    """The server's answer, from a byte of the file on."""
    headers = {"User-Agent": "maskgen", **({"Range": f"bytes={begin}-"} if begin else {})}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - checked by the caller
    return _opener(address).open(request, timeout=TIMEOUT_S)


def _copy(answer: Any, address: str, partial: PartialFile, max_bytes: int, progress: Progress | None) -> None:
    """Append an answer to the file.

    Raises:
        UsageError: a web page, or a file that is too large.
        OSError: it broke off, or is too slow.
    """
    if answer.headers.get_content_type() == "text/html":
        raise UsageError(
            "the server answers with a web page, not with weights",
            where=hide_secrets(address),
            cause="a page of a proxy or for signing in, or the address of a page about the file",
            remedy="fetch the file with a browser and give its path with --weights",
        )
    if partial.size and not str(answer.headers.get("Content-Range")).startswith(f"bytes {partial.size}-"):
        partial.restart()  # it begins anew
    expected = partial.size + int(answer.length) if answer.length else 0
    _require_size(address, expected, max_bytes)
    since, before = time.monotonic(), partial.size
    while chunk := answer.read1(CHUNK_BYTES):
        _require_size(address, partial.size + len(chunk), max_bytes)
        partial.write(chunk)
        if progress:
            progress(partial.size, expected)
        if time.monotonic() - since > SLOWEST_S:
            if partial.size - before < SLOWEST_BYTES:
                raise TimeoutError(f"only {partial.size - before:,} bytes came in {SLOWEST_S:.0f} s")
            since, before = time.monotonic(), partial.size
    if partial.size < expected:
        raise ConnectionError(f"it broke off after {partial.size:,} of {expected:,} bytes")


def _require_size(address: str, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise UsageError(
            f"the download is larger than {max_bytes:,} bytes",
            where=hide_secrets(address),
            remedy="check the address, or download the file yourself and give its path",
        )


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to addresses that may be asked for directly, and to no others."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _require_safe(newurl, from_loopback=_is_loopback(req.full_url))
        except UsageError:
            fp.close()  # urllib leaves that to whoever stops it
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(address: str) -> urllib.request.OpenerDirector:
    handlers: list[Any] = [_SafeRedirects()]
    if _is_loopback(address):
        handlers.append(urllib.request.ProxyHandler({}))  # a proxy's loopback is another machine
    return urllib.request.build_opener(*handlers)


def _require_known(address: str) -> None:
    if names_object(address):
        parse_address(address)
    else:
        _require_safe(address)


def _require_safe(address: str, *, from_loopback: bool = True) -> None:
    parts = urllib.parse.urlsplit(address)
    scheme_fits = parts.scheme == "https" or (
        parts.scheme == "http" and from_loopback and _is_loopback(address)
    )
    if not scheme_fits or not parts.hostname:
        raise UsageError(
            "weights are fetched from https:// addresses only",
            where=hide_secrets(address),
            remedy="give an https:// address, one in an object store, or the path of a file",
        )
    if parts.username or parts.password:
        raise UsageError(
            "an address with a user name or password is refused",
            where=hide_secrets(address),
            remedy="download the file yourself and give its path",
        )


def _is_loopback(address: str) -> bool:
    host = urllib.parse.urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hide_secrets(address: str) -> str:
    """The address without what may be secret in it."""
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _digest(sha256: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise UsageError(
            f"a SHA-256 is 64 hexadecimal digits, got {sha256!r}", remedy="check --weights-sha256"
        )
    return sha256.lower()


def _file_name(address: str, sha256: str) -> str:
    """``u2netp-1a2b3c4d5e6f7081.pth``: for people, and one for every content."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(address).path)).name
    stem, suffix = (re.sub("[^A-Za-z0-9_-]+", "_", part) for part in (Path(name).stem, Path(name).suffix[1:]))
    return f"{stem[:80] or 'weights'}-{sha256[:16]}" + (f".{suffix[:16]}" if suffix else "")


def _explain(address: str, error: Exception, final: Path) -> UsageError | EnvironmentFault:
    """What to tell about a transfer that failed."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        passing = error.code >= 500 or error.code in (408, 425, 429)
        kind = EnvironmentFault if passing else UsageError
        cause = " ".join(f"status {error.code}: {error.reason}".split()).rstrip(".")
        return kind(
            "the server does not give the weights",
            where=hide_secrets(address),
            cause=cause,
            remedy=f"fetch them elsewhere and copy them to {final}, or give their path with --weights",
        )
    reason = getattr(error, "reason", None) or error
    proxy = "" if _is_loopback(address) else urllib.request.getproxies().get("https", "")
    through = f", through the proxy {hide_secrets(proxy)}" if proxy else ""
    return EnvironmentFault(
        "the weights cannot be downloaded",
        where=hide_secrets(address),
        cause=f"{type(reason).__name__}: {reason}".removesuffix(": ") + through,
        remedy=f"try again, or fetch them elsewhere and copy them to {final}, or give their path with "
        f"--weights; {FOLDER_VARIABLE} names another folder, and https_proxy a proxy",
    )


def _other_bytes(where: str, wanted: str, found: str, remedy: str) -> UsageError:
    return UsageError(
        "the weights do not have the hash that was asked for",
        where=where,
        cause=f"wanted {wanted}, found {found}",
        remedy=remedy,
    )
