"""What Ray costs, how busy it keeps a large cluster, and whether it lasts while nodes are killed.

    python benchmarks/ray_cluster.py overhead [--shards 300]
    python benchmarks/ray_cluster.py simulate [--nodes 64] [--workers 16] [--shards 300000] [--seconds 1]
    python benchmarks/ray_cluster.py soak [--photos 100000] [--minutes 60] [--kill-every 30]

`overhead` makes shards of one tiny photo by one worker, on this machine and by a node of a real Ray cluster
on loopback, in turns; the difference between two shards is what Ray adds. `simulate` runs the real
schedule, with nodes, workers and a clock that are simulated: a driver that needs `--visit-ms` for each
visit, one after the other, and a network that needs `--network-ms` each way. `soak` makes shards of tiny
photos on two nodes of such a cluster, one of which is killed by -9 and replaced every `--kill-every` seconds,
half of that to half as much again, and samples the memory of those that take part; then every byte of what
was made is verified.

The cluster is that of the tests (tests/loopback.py).
"""

from __future__ import annotations

import argparse
import heapq
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from maskgen.config.run_config import make_config
from maskgen.errors import Interrupted
from maskgen.pipelines import running
from maskgen.pipelines.executors.cluster import RayExecutor
from maskgen.pipelines.executors.local import LocalExecutor
from maskgen.pipelines.executors.node import STEP_S
from maskgen.pipelines.executors.schedule import Schedule
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import ResolvedConfig, resolve
from maskgen.pipelines.shard.make import ShardJob
from maskgen.shards.plan import Plan
from maskgen.shards.verify import verify

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from loopback import add_node, kill_node, loopback_cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True)
    overhead = commands.add_parser("overhead")
    overhead.add_argument("--shards", type=int, default=300)
    overhead.set_defaults(do=measure_overhead)
    simulation = commands.add_parser("simulate")
    for name, default in (("nodes", 64), ("workers", 16), ("shards", 300_000)):
        simulation.add_argument(f"--{name}", type=int, default=default)
    for name, default in (("seconds", 1.0), ("spread", 0.2), ("visit-ms", 3.0), ("network-ms", 2.0)):
        simulation.add_argument(f"--{name}", type=float, default=default)
    simulation.set_defaults(do=simulate)
    lasting = commands.add_parser("soak")
    lasting.add_argument("--photos", type=int, default=100_000)
    lasting.add_argument("--minutes", type=float, default=60.0)
    lasting.add_argument("--kill-every", type=float, default=30.0)
    lasting.set_defaults(do=soak)
    given = parser.parse_args()
    given.do(given)


def make_photos(folder: Path, count: int) -> None:
    """JPEGs of 40 x 60 px, links to 50 different ones."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"p{number:06d}.jpg"
        if number < 50:
            cv2.imwrite(str(path), rng.integers(0, 255, (40, 60, 3)).astype(np.uint8))
        else:
            path.hardlink_to(folder / f"p{number % 50:06d}.jpg")


def planned(photos: Path, output: Path, **options: object) -> tuple[ResolvedConfig, Plan, list[ShardJob]]:
    """A run by the box method, and its shards."""
    values = {"dataset": "folder", "input": str(photos), "output": str(output), "method": "box", **options}
    config = resolve(make_config(values))
    plan = prepare(config)
    jobs = [
        ShardJob(output, number, shard.name, plan.members, plan.fingerprint)
        for number, shard in enumerate(plan.shards)
    ]
    return config, plan, jobs


def measure_overhead(given: argparse.Namespace) -> None:
    """Milliseconds between two shards, locally and through Ray, and the driver's time for each visit."""
    with tempfile.TemporaryDirectory() as scratch, loopback_cluster(1) as cluster:
        make_photos(Path(scratch) / "photos", given.shards)
        seconds: dict[str, list[float]] = {"local": [], "ray": []}
        for turn, name in enumerate(("local", "ray", "local", "ray")):
            config, _, jobs = planned(
                Path(scratch) / "photos",
                Path(scratch) / str(turn),
                shard_size=1,
                workers=1,
                executor=name,
                ray_address=cluster.address,
            )
            executor = LocalExecutor(config, 1) if name == "local" else RayExecutor(config, 1)
            times = []
            cpu = 0.0
            for _ in executor.run(jobs):
                times.append(time.perf_counter())
                cpu = cpu or time.process_time()
            seconds[name].append((times[-1] - times[0]) / (len(times) - 1))
            print(
                f"{name}: {1e3 * seconds[name][-1]:.1f} ms between two shards, "
                f"{1e3 * (time.process_time() - cpu) / (len(times) - 1):.1f} ms of the driver's CPU",
                flush=True,
            )
        added = statistics.mean(seconds["ray"]) - statistics.mean(seconds["local"])
        print(f"Ray adds {1e3 * added:.1f} ms a shard")


class SimulatedNode:
    """A node as `node.Node` with a `local.Crew`: workers that take shards, and visits that last up to STEP_S.

    Args:
        workers: its processes.
        draw: gives the seconds that a shard takes.
    """

    def __init__(self, workers: int, draw: Any) -> None:
        self.workers = workers
        self.draw = draw
        self.queue: deque[int] = deque()
        self.running: list[tuple[float, int]] = []
        self.busy = 0.0

    def visit(self, begin: float, jobs: list[int]) -> tuple[float, list[int]]:
        """Take shards; when the visit ends, and what is done then."""
        self.queue.extend(jobs)
        now, done = begin, list[int]()
        while True:
            while self.queue and len(self.running) < self.workers:
                seconds = self.draw()
                self.busy += seconds
                heapq.heappush(self.running, (now + seconds, self.queue.popleft()))
            until = now + STEP_S
            if self.running and self.running[0][0] <= until:
                now = max(now, self.running[0][0])
                while self.running and self.running[0][0] <= now:
                    done.append(heapq.heappop(self.running)[1])
            else:
                now = until
            is_hungry = len(self.queue) + len(self.running) < self.workers
            if now > begin + STEP_S or (done and is_hungry):
                return now, done


def simulate(given: argparse.Namespace) -> None:
    """The share of the workers' time that they are busy, from the first shard to the last."""
    random_draw = random.Random(0)
    low, high = given.seconds * (1 - given.spread), given.seconds * (1 + given.spread)
    jobs = [ShardJob(Path(), number, f"s{number}", (), "") for number in range(given.shards)]
    schedule = Schedule(jobs)
    nodes = [SimulatedNode(given.workers, lambda: random_draw.uniform(low, high)) for _ in range(given.nodes)]
    for number in range(given.nodes):
        schedule.join(str(number), given.workers, 0.0)
    visit_s, network_s = given.visit_ms / 1e3, given.network_ms / 1e3
    answers: list[tuple[float, int, list[int]]] = [(0.0, number, []) for number in range(given.nodes)]
    driver, driver_busy, visits, last = 0.0, 0.0, 0, 0.0
    own = 0.0
    while schedule.left:
        arrives, number, done = heapq.heappop(answers)
        driver = max(driver, arrives) + visit_s
        driver_busy += visit_s
        visits += 1
        began = time.process_time()
        schedule.report(str(number), done, {})
        new = [job.number for job in schedule.give(str(number), driver)]
        own += time.process_time() - began
        end, made = nodes[number].visit(driver + network_s, new)
        heapq.heappush(answers, (end + network_s, number, made))
        last = driver
    busy = sum(node.busy for node in nodes) / (last * given.nodes * given.workers)
    print(
        f"{given.nodes} nodes x {given.workers} workers, {given.shards} shards of {low:g} to {high:g} s: "
        f"{last:.1f} s, workers busy {busy:.1%}, driver busy {driver_busy / last:.0%} ({visits} visits), "
        f"schedule {1e6 * own / given.shards:.1f} us a shard"
    )


def anonymous_kib(pid: int) -> int:
    """Anonymous resident memory of a process; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def below(pid: int) -> dict[str, list[int]]:
    """The actors of nodes and the workers below a process, by kind."""
    found: dict[str, list[int]] = {"node": [], "worker": []}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            for child in map(int, children):
                words = Path(f"/proc/{child}/cmdline").read_bytes()
                if words.startswith(b"ray::Node"):
                    found["node"].append(child)
                elif b"spawn_main" in words:
                    found["worker"].append(child)
                waiting.append(child)
        except OSError:
            continue
    return found


class Disturber:
    """Kills the newest node and adds another, at random times.

    Args:
        cluster: of both.
        every: seconds between two kills, on average.
    """

    def __init__(self, cluster: Any, every: float) -> None:
        self.cluster = cluster
        self.every = every
        self.draw = random.Random(20261129)
        self.next = every
        self.kills = 0

    def look(self, passed: float) -> None:
        """Kill and add, if it is time to.

        Args:
            passed: seconds since the start.
        """
        if passed < self.next:
            return
        node = max(self.cluster.worker_nodes, key=lambda one: one.all_processes["raylet"][0].process.pid)
        kill_node(self.cluster, node)
        self.kills += 1
        add_node(self.cluster)
        self.next = passed + self.every * self.draw.uniform(0.5, 1.5)


def soak(given: argparse.Namespace) -> None:
    """Tiny photos through Ray while nodes are killed: memory over time, and what is there at the end."""
    with tempfile.TemporaryDirectory() as scratch:
        photos, output = Path(scratch) / "photos", Path(scratch) / "out"
        make_photos(photos, given.photos)
        seen: list[tuple[float, int, int, int]] = []
        said: list[str] = []
        with loopback_cluster(2) as cluster:
            disturber = Disturber(cluster, given.kill_every)
            started = time.monotonic()

            def report(_: running.Progress) -> None:
                passed = time.monotonic() - started
                disturber.look(passed)
                if seen and passed - seen[-1][0] < 5:
                    return
                found = below(os.getpid())
                memory = [max(map(anonymous_kib, found[kind]), default=0) for kind in ("node", "worker")]
                seen.append((passed, anonymous_kib(os.getpid()), *memory))
                if passed > 60 * given.minutes:
                    os.kill(os.getpid(), signal.SIGTERM)

            config = make_config(
                {
                    "dataset": "folder",
                    "input": str(photos),
                    "output": str(output),
                    "method": "box",
                    "shard_size": 50,
                    "workers": 1,
                    "executor": "ray",
                    "ray_address": cluster.address,
                }
            )
            try:
                outcome = running.run(config, running.RunOptions(report=report, say=said.append))
                print(f"made {outcome.manifest.samples} of {given.photos}, failed {outcome.manifest.failed}")
            except Interrupted as error:
                print(error)
            seconds = time.monotonic() - started
        lost = sum("was lost" in text for text in said)
        print(f"{seconds:.0f} s, {disturber.kills} nodes killed by -9, {lost} while they were at work")
        print_memory(seen)
        check(output)


def print_memory(seen: list[tuple[float, int, int, int]]) -> None:
    """Medians of the second and the last fifth of the time, MiB."""
    fifth = len(seen) // 5
    for place, name in enumerate(("driver", "largest node", "largest worker"), 1):
        early, late = (
            statistics.median(one[place] for one in part) / 1024
            for part in (seen[fifth : 2 * fifth], seen[-fifth:])
        )
        print(f"{name}: {early:.1f} MiB, {late:.1f} at the end")


def check(output: Path) -> None:
    """Verify every byte of what is there, and say how many shards that is."""
    report = verify(output)
    print(f"{report.shards} shards verified, {len(report.faults)} faults")
    for fault in report.faults[:5]:
        print(fault)
    partial = len(list(output.rglob("*.partial")))
    print(f"{partial} partial files left")


if __name__ == "__main__":
    main()
