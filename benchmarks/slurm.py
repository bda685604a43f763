"""An array of jobs on a real Slurm of one node: stopped tasks are queued again, the bytes are a plain run's.

Starts munged, slurmctld and slurmd with settings of its own in the work folder, and ends them. Needs root,
and Debian's packages `slurm-wlm` and `munge`.

    python benchmarks/slurm.py --work scratch/ [--dataset folder --input photos/ --method vote ...]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from maskgen.release import PHOTOS
from maskgen.shards.plan import read_plan

SCRIPT = Path(__file__).resolve().parents[1] / "docker" / "slurm" / "run.sbatch"
TASKS = 4
TOLD, TAKEN = 1, 2
"""The task that gets a signal, as before the end of its time, and the one that Slurm takes from its node."""
SETTINGS = """\
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=10
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus}
PartitionName=main Nodes={host} Default=YES
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def told(*command: str | Path) -> str:
    """What a command prints."""
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def wait_for(what: str, there: Callable[[], bool], seconds: float) -> None:
    """Return when it is there."""
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            sys.exit(f"waited {seconds} s for {what}")
        time.sleep(0.2)


@contextlib.contextmanager
def cluster(folder: Path, cpus: int) -> Iterator[None]:
    """A Slurm of one node; the environment of this process leads to it."""
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    for path in (key.parent, key):
        shutil.chown(path, "munge", "munge")
    settings = folder / "slurm.conf"
    ports = (free_port(), free_port())
    settings.write_text(SETTINGS.format(host=socket.gethostname(), folder=folder, ports=ports, cpus=cpus))
    os.environ["SLURM_CONF"] = str(settings)
    files = {name: folder / "munge" / name for name in ("socket", "pid-file", "log-file", "seed-file")}
    munged = ["munged", f"--key-file={key}", *(f"--{name}={path}" for name, path in files.items())]
    try:
        told("setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", *munged)
        told("slurmctld", "-c")
        wait_for("slurmctld", (folder / "slurmctld.pid").exists, 30)
        told("slurmd")
        wait_for("the node", lambda: told("sinfo", "--noheader", "--format=%T").strip() == "idle", 60)
        yield
    finally:
        with contextlib.suppress(subprocess.CalledProcessError, SystemExit):
            told("scancel", "--user=root")
            wait_for("the last jobs", lambda: not told("squeue", "--noheader"), 60)
        for pid in (folder / "slurmd.pid", folder / "slurmctld.pid", files["pid-file"]):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(pid.read_text()), signal.SIGTERM)


def cut_photos(folder: Path) -> None:
    """Eight pieces of each photo that comes with maskgen: enough that a task works for a while."""
    folder.mkdir()
    for file in sorted(Path(PHOTOS).rglob("*.jpg")):
        photo = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if photo is None or min(photo.shape[:2]) < 200:
            continue
        for part, top in itertools.product(range(2), range(4)):
            rows, columns = photo.shape[0] // 5, photo.shape[1] // 3
            piece = photo[top * rows : (top + 2) * rows, part * columns : (part + 2) * columns]
            cv2.imwrite(str(folder / f"{file.stem}_{part}{top}.jpg"), piece)


def contents(shards: Path) -> dict[str, str]:
    """The hashes of what a data set consists of, by path."""
    kinds = ("*.tar", "*.idx", "*.parquet", "*.json", "records/*")
    paths = {path for kind in kinds for path in shards.glob(kind) if path.is_file()}
    return {
        str(path.relative_to(shards)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)
    }


def run_array(options: list[str], output: Path, names: list[str], logs: Path) -> tuple[str, float]:
    """The array of `docker/slurm/run.sbatch`, two tasks of which are disturbed.

    Args:
        options: of `maskgen run`.
        output: its folder.
        names: of the shards that it will make.
        logs: a folder for what the tasks print.

    Returns:
        its number, and the seconds until the last task was done.
    """
    logs.mkdir()
    began = time.monotonic()
    asked = [f"--array=0-{TASKS - 1}", "--cpus-per-task=1", f"--output={logs}/%a.log", "--parsable"]
    array = told("sbatch", *asked, SCRIPT, *options, "--output", output).strip()
    for task, how, step in ((TOLD, ("scancel", "--signal=USR1"), ".0"), (TAKEN, ("scontrol", "requeue"), "")):

        def is_in_work(task: int = task) -> bool:
            return any(list(output.glob(f".{name}.tar.*.partial")) for name in names[task::TASKS])

        wait_for(f"task {task}", is_in_work, 300)
        # by their number in the array, Slurm 22.05 repeats a signal every few seconds
        job = told("squeue", "--noheader", "--format=%A", f"--jobs={array}_{task}").strip()
        told(*how, job + step)
    wait_for("the array", lambda: not told("squeue", "--noheader"), 1800)
    return array, time.monotonic() - began


def main() -> None:
    """Run plainly and as an array, and print what the disturbed tasks did and whether the bytes are equal."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    words.add_argument("--work", type=Path, required=True)
    words.add_argument("--cpus", type=int, default=len(os.sched_getaffinity(0)))
    given, options = words.parse_known_args()
    work = given.work.resolve()
    work.mkdir(parents=True)
    if not options:
        cut_photos(work / "photos")
        options = f"--dataset folder --input {work}/photos --method vote --shard-size 6".split()
    plain, array = work / "plain", work / "array"
    began = time.monotonic()
    maskgen = [sys.executable, "-m", "maskgen"]
    told(*maskgen, "run", *options, "--output", plain, "--workers", str(given.cpus))
    plain_s = time.monotonic() - began
    names = [shard.name for shard in read_plan(plain).shards]
    with cluster(work / "slurm", given.cpus):
        number, array_s = run_array(options, array, names, work / "logs")
        states = {
            task: told("scontrol", "show", "job", f"{number}_{task}").partition("Restarts=")[2].split()[0]
            for task in range(TASKS)
        }
    expected, found = contents(plain), contents(array)
    facts = {
        "files": len(expected),
        "equal": sum(found.get(name) == value for name, value in expected.items()),
        "more": sorted(found.keys() - expected.keys()),
        "restarts": states,
        "ended_75": "interrupted" in (work / "logs" / f"{TOLD}.log").read_text().lower(),
        "seconds": {"plain": round(plain_s), "array": round(array_s)},
        "verify": told(*maskgen, "verify", array).strip(),
    }
    sys.stdout.write(json.dumps(facts, indent=1) + "\n")
    if expected != found or states[TOLD] == "0" or states[TAKEN] == "0":
        sys.exit("not the bytes of a plain run, or nothing was disturbed")


if __name__ == "__main__":
    main()
