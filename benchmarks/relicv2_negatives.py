"""What RELICv2's negatives cost: picked from all products, or with their embeddings gathered.

    python benchmarks/relicv2_negatives.py [--negatives 4095] [--rows 512 128]

One pair of views, forward and backward, embeddings of 256 numbers, a joint batch of one more than the
negatives; a process for each, so that the peak of its memory is its own. The gathered form is written out
here.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from multiprocessing.connection import Connection

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, normalize

from maskgen.trainers.losses import divergence, draw_members, log_likelihoods

WIDTH, TAU = 256, 0.2


def picked(o: Tensor, t: Tensor, members: Tensor) -> Tensor:
    """As the project does it."""
    log_p = log_likelihoods(o, t, members, TAU)
    return divergence(log_p, log_likelihoods(t, o, members, TAU)) - log_p[:, 0].mean()


def gathered(o: Tensor, t: Tensor, members: Tensor) -> Tensor:
    """The same numbers from (rows, 1 + n, D) embeddings."""
    own = members[:, 0]
    log_p = log_softmax(torch.einsum("bd,bnd->bn", o[own], t[members]) / TAU, dim=1)
    log_q = log_softmax(torch.einsum("bnd,bd->bn", o[members], t[own]) / TAU, dim=1)
    return divergence(log_p, log_q) - log_p[:, 0].mean()


def measure(form: str, rows: int, negatives: int, answer: Connection) -> None:
    """Peak memory beyond the start's in MiB, seconds, and the loss."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    o, t = (normalize(torch.randn(negatives + 1, WIDTH), dim=1) for _ in range(2))
    o.requires_grad_()
    members = draw_members(negatives + 1, negatives, rows=range(rows))
    before, start = peak(), time.perf_counter()
    loss = {"picked": picked, "gathered": gathered}[form](o, t, members)
    loss.backward()
    answer.send((peak() - before, time.perf_counter() - start, loss.item()))


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print a line for each form and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--negatives", type=int, default=4095)
    parser.add_argument("--rows", type=int, nargs="+", default=[512, 128])
    given = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    for rows in given.rows:
        for form in ("picked", "gathered"):
            mine, theirs = spawn.Pipe()
            process = spawn.Process(target=measure, args=(form, rows, given.negatives, theirs))
            process.start()
            theirs.close()
            memory, seconds, loss = mine.recv()
            process.join()
            print(f"{rows} rows, {form:8}: {memory:6.0f} MiB, {seconds:6.3f} s, loss {loss:.6f}")


if __name__ == "__main__":
    main()
