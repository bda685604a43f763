"""A real HTTP server on this machine, which serves a file, redirects, breaks off, dawdles and lies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `content` under every path that means nothing else, and counts what it was asked for.

    Args:
        content: of the file.
        cuts: at which bytes the next answers break off; whole ones when none is left.
    """

    def __init__(self, content: bytes, cuts: list[int] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.content = content
        self.cuts = cuts or []
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.busy = threading.Event()
        self.go_on = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.ranges.append(self.headers.get("Range", ""))
        name = self.path.partition("?")[0]
        places = {
            "/to-ftp": "ftp://127.0.0.1/u2netp.pth",
            "/to-file": "file:///etc/hostname",
            "/to-plain-http": "http://192.0.2.1/u2netp.pth",
            "/round": "/round",
            "/moved": "/u2netp.pth",
        }
        if name in places:
            return self._redirect(places[name])
        if name in ("/404.pth", "/503.pth"):
            return self.send_error(int(name[1:4]))
        with contextlib.suppress(ConnectionError):  # the client may have seen enough
            self._send(name)
        return None

    def _send(self, name: str) -> None:
        content, start = self.server.content, 0
        if name == "/resumes.pth" and self.server.ranges[-1]:
            start = int(self.server.ranges[-1].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if name in ("/resumes.pth", "/forgets.pth"):  # the second says so and begins anew
            self.send_header("Accept-Ranges", "bytes")
        if name == "/page.pth":
            self.send_header("Content-Type", "text/html; charset=utf-8")
        if name != "/of-unknown-length.pth":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if name == "/slow.pth":
            return self._dawdle(content)
        if name == "/waits.pth":
            self.wfile.write(content[:1000])
            self.server.busy.set()
            self.server.go_on.wait(20)
            start = 1000
        stop = self.server.cuts.pop(0) if self.server.cuts else len(content)
        self.wfile.write(content[start:stop])
        return None

    def _dawdle(self, content: bytes) -> None:
        for at in range(100):
            self.wfile.write(content[at : at + 1])
            if self.server.go_on.wait(0.02):
                return

    def _redirect(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """A server in a thread of its own; answers that wait are let go at the end."""
    with Server(content) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.go_on.set()
            server.shutdown()
            thread.join()
