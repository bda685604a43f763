"""Commands without their start-up: forks of one process that has imported what they need.

A program that trains spends seconds on imports (torchvision brings `torch._dynamo` along), which is most of
what the small trainings of a page cost. Here a command is a process of its own all the same, with the words,
folder, environment and streams of its caller, from the entry point that is installed; only its imports are
there already. What a start itself must do is tested with real ones: tests/cli/test_app.py,
tests/test_package.py, and the README in tests/test_docs.py.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

COMMANDS = ("maskgen", "train-ssl", "eval-ssl")
MODULES = (
    "cv2",
    "torch._dynamo",  # every optimizer of torch imports it
    "torchvision",
    "maskgen.cli.eval_ssl",
    "maskgen.pipelines.running",
    "maskgen.trainers.probes.tasks",
    "maskgen.trainers.run",
)
CALLER = """#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    call = {{"words": [{name!r}, *sys.argv[1:]], "folder": os.getcwd(), "environment": dict(os.environ)}}
    socket.send_fds(server, [b" "], [0, 1, 2])
    server.sendall(json.dumps(call).encode() + b"\\n")
    process = int.from_bytes(server.recv(4), "big")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(process, number))
    sys.exit(server.recv(1)[0])
"""


@contextmanager
def warm_commands(folder: Path) -> Iterator[Path]:
    """A folder to put first in PATH: the commands by name, each a caller of a server that runs meanwhile.

    Args:
        folder: an empty one for it.
    """
    address, names = str(folder / "socket"), folder / "bin"
    names.mkdir()
    for name in COMMANDS:
        (names / name).write_text(CALLER.format(python=sys.executable, address=address, name=name))
        (names / name).chmod(0o755)
    with subprocess.Popen([sys.executable, "-P", __file__, address], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield names
        finally:
            server.terminate()


def serve(address: str) -> None:
    """Fork for every call, until SIGTERM."""
    ended: list[int] = []
    atexit.register(leave, ended)  # the first one, so the last to be called
    programs = {one.name: one.load() for one in entry_points(group="console_scripts") if one.name in COMMANDS}
    for module in MODULES:
        import_module(module)
    gc.freeze()  # or each fork would copy the memory of all objects to count them
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            if not os.fork():
                os.setsid()
                listener.close()
                return answer(connection, programs, ended)
            connection.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def answer(connection: socket.socket, programs: dict[str, Callable[[], Any]], ended: list[int]) -> None:
    """Run what a caller asks for in a process of its own, and tell the caller its number and its status."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile() as message:
        call = json.loads(message.readline())
    process = os.fork()
    if not process:
        connection.close()
        become(call["words"], call["folder"], call["environment"], streams)
        try:
            ended.append(programs[call["words"][0]]() or 0)
        except SystemExit as end:
            ended.append(int(end.code or 0))
        return
    for stream in streams:
        os.close(stream)
    connection.sendall(process.to_bytes(4, "big"))
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    connection.sendall(bytes([status if status >= 0 else 128 - status]))
    os._exit(0)


def become(words: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """Take over the streams of a caller, its words, its folder and its environment."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words


def leave(ended: list[int]) -> None:
    """End a command that has returned, without taking all those modules down."""
    if ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended[0])


if __name__ == "__main__":
    serve(sys.argv[1])
