"""Commands of `eval-ssl` in several processes, set up as torchrun does it; torch is imported once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

PROGRAM = """
import importlib, json, os, sys, traceback
import torch
from maskgen.cli.eval_ssl import eval_cli
from maskgen.trainers.distributed.process_group import join_process_group
from maskgen.trainers.probes import tasks

def work():
    with join_process_group("cpu"):
        for words in asked["commands"]:
            eval_cli.main(words, standalone_mode=False)

torch.set_num_threads(1)
asked, children = json.loads(sys.argv[1]), []
for place, value in asked["values"].items():
    module, _, name = place.rpartition(".")
    setattr(importlib.import_module(module), name, value)
for rank in range(asked["world"]):
    children.append(os.fork())
    if not children[-1]:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(asked["world"]))
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        sys.stdout.flush()
        os._exit(0)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


def run_ranks(
    world: int, commands: Sequence[Sequence[str]], values: Mapping[str, object] | None = None
) -> subprocess.CompletedProcess[str]:
    """Several commands, one after the other, in each of `world` processes.

    Args:
        world: ranks.
        commands: words behind ``eval-ssl``.
        values: set before, by their full names: JSON values.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked = json.dumps({"world": world, "commands": commands, "values": values or {}})
    place = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, asked],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **place},
        timeout=280,
    )
