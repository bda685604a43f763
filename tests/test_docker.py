"""The files for containers, Slurm and Kubernetes: they say what maskgen does, and their checkers agree."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from maskgen import errors
from maskgen.cli.array_task import TASKS, find_task

ROOT = Path(__file__).resolve().parents[1]
DOCKER = ROOT / "docker"
SCRIPTS = [*sorted((DOCKER / "slurm").glob("*.sbatch")), DOCKER / "images.sh"]
RUN, TRAIN = DOCKER / "slurm/run.sbatch", DOCKER / "slurm/train.sbatch"


def tool(name: str, *arguments: str | Path) -> str:
    """What a checker installed beside this Python has to say; nothing is fine."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        pytest.skip(f"{name} is not installed: pip install '.[dev]'")
    words = [str(path), *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def documents(name: str) -> dict[str, Any]:
    """The documents of a file for Kubernetes, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((DOCKER / "kubernetes" / name).read_text())}


def pods(value: Any) -> Iterator[dict[str, Any]]:
    """Every pod's spec in a document."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for inner in value.values():
            yield from pods(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from pods(inner)


def command_of(words: list[str]) -> click.Command:
    """The command that words call; an option that it does not know fails the test."""
    from maskgen.cli import app, train_ssl

    group: click.Group = app.cli if words[0] == "maskgen" else train_ssl.train_cli
    command = group.get_command(click.Context(group), words[1])
    assert command is not None, words
    known = {option for parameter in command.params for option in parameter.opts}
    given = {word.partition("=")[0] for word in words[2:] if word.startswith("--")}
    assert given <= known, f"unknown: {given - known}"
    return command


# Slurm


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_are_clean(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert not tool("shellcheck", script)


@pytest.mark.parametrize("script", [RUN, TRAIN], ids=lambda path: path.name)
def test_a_job_may_be_queued_again_and_keeps_its_log(script: Path) -> None:
    lines = [line for line in script.read_text().splitlines() if line.startswith("#SBATCH ")]
    text = script.read_text()
    assert lines == [line for line in text[: text.index("set -u")].splitlines() if "#SBATCH " in line], (
        "Slurm reads no directive behind the first command"
    )
    assert {"#SBATCH --requeue", "#SBATCH --open-mode=append"} <= set(lines)
    assert any(re.fullmatch(r"#SBATCH --signal=(B:)?(USR1|TERM)@\d+", line) for line in lines)


def submit(script: Path, folder: Path, srun: str, **variables: str) -> subprocess.Popen[bytes]:
    """The script as Slurm would start it; `srun` runs something else, `scontrol` writes down its words."""
    stubs = {"srun": srun, "scontrol": f'echo "$@" >> {folder}/asked'}
    for name, text in stubs.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    environment = {**os.environ, **variables, "PATH": f"{folder}:{os.environ['PATH']}"}
    words = ["bash", str(script), "--output", "shards of mine"]
    return subprocess.Popen(words, env=environment)


@pytest.mark.parametrize("status", [0, 1, 2, 3, 75, 137, 138, 143])
def test_an_interrupted_task_and_no_other_goes_back_into_the_queue(status: int, tmp_path: Path) -> None:
    variables = {"SLURM_CPUS_PER_TASK": "3", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "5"}
    srun = f'printf "%s|" "$@" > {tmp_path}/srun; exit {status}'
    assert submit(RUN, tmp_path, srun, **variables).wait(20) == status
    words = (tmp_path / "srun").read_text().split("|")[:-1]
    assert words[words.index("--output") + 1] == "shards of mine"
    command_of(words[words.index("maskgen") :])
    assert words[-4:] == ["--task", "auto", "--workers", "3"]
    asked = tmp_path / "asked"
    interrupted = {errors.EXIT_INTERRUPTED, 128 + signal.SIGUSR1, 128 + signal.SIGTERM}
    assert (asked.read_text() if asked.exists() else "") == (
        "requeue 12_5\n" if status in interrupted else ""
    )


def listens(pid: int) -> bool:
    """Whether a process has something of its own to do on SIGTERM."""
    caught = Path(f"/proc/{pid}/status").read_text().partition("SigCgt:")[2].split()[0]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize(
    ("told", "ends", "status"), [(True, 1, 75), (True, 0, 0), (False, 1, 1), (False, 0, 0)]
)
def test_a_training_is_queued_again_when_it_was_told_to_stop(
    *, told: bool, ends: int, status: int, tmp_path: Path
) -> None:
    """torchrun ends with 1 both after a signal and after an error of its own."""
    variables = {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "3", "SLURM_JOB_NUM_NODES": "2"}
    variables |= {"SLURM_JOB_NODELIST": "a,b", "SLURM_GPUS_ON_NODE": "8"}
    wait = f"mkfifo {tmp_path}/never; read < {tmp_path}/never" if told else ""
    srun = f"trap 'exit {ends}' TERM; {wait}\nexit {ends}"
    job = submit(TRAIN, tmp_path, srun, **variables)
    while told and not ((tmp_path / "never").exists() and listens(job.pid)):
        time.sleep(0.01)
    if told:
        job.terminate()
    assert job.wait(20) == status
    lines = (tmp_path / "asked").read_text().splitlines()
    assert lines == ["show hostnames a,b", *(["requeue 7"] if status == errors.EXIT_INTERRUPTED else [])]


# Kubernetes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"), [("run.yaml", "Job"), ("train.yaml", "Job"), ("train.yaml", "Service")]
)
def test_kubernetes_accepts_its_files(name: str, kind: str) -> None:
    """By the published schema, strictly; 1.33 is the version that the files ask for."""
    schemas = pytest.importorskip("kubernetes_validate")
    schemas.validate(documents(name)[kind], "1.33", strict=True)


@pytest.mark.parametrize("name", ["run.yaml", "train.yaml", "rayjob.yaml"])
def test_every_pod_is_an_ordinary_user(name: str) -> None:
    found = list(pods(list(documents(name).values())))
    assert found
    for pod in found:
        context = pod["securityContext"]
        assert context["runAsNonRoot"]
        assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 1000
        volumes = {volume["name"] for volume in pod["volumes"]}
        assert {mount["name"] for one in pod["containers"] for mount in one["volumeMounts"]} == volumes
        assert {one["image"] for one in pod["containers"]} <= {f"maskgen:{target}" for target in stages()}


def answer(job: dict[str, Any], status: int, *, drained: bool = False) -> str:
    """What Kubernetes does about a failed pod: the first rule that fits, else it counts."""
    for rule in job["spec"]["podFailurePolicy"]["rules"]:
        codes = rule.get("onExitCodes")
        if drained and {"type": "DisruptionTarget", "status": "True"} in rule.get("onPodConditions", []):
            return str(rule["action"])
        if codes and codes["operator"] == "In" and status in codes["values"]:
            assert codes["containerName"] in {one["name"] for pod in pods(job) for one in pod["containers"]}
            return str(rule["action"])
    return "Count"


def test_the_job_knows_the_exit_statuses() -> None:
    job = documents("run.yaml")["Job"]
    assert answer(job, errors.EXIT_INTERRUPTED) == "Ignore"
    assert answer(job, errors.EXIT_USAGE) == "FailJob"
    assert answer(job, errors.EXIT_FAULTS) == "FailIndex"
    assert answer(job, errors.EXIT_ENVIRONMENT) == "Count"
    for status in (errors.EXIT_FAULTS, errors.EXIT_INTERRUPTED, 128 + signal.SIGKILL):
        assert answer(job, status, drained=True) == "Ignore"
        assert answer(documents("train.yaml")["Job"], status, drained=True) == "Ignore"


def test_the_pods_of_the_job_are_its_tasks() -> None:
    spec = documents("run.yaml")["Job"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    given = {one["name"]: one["value"] for one in container["env"]}
    tasks = [find_task({**given, "JOB_COMPLETION_INDEX": str(index)}) for index in range(spec["completions"])]
    assert tasks == [(index, spec["completions"]) for index in range(spec["completions"])]
    assert TASKS in given
    command_of(["maskgen", *container["args"]])
    options = dict(word.split("=") for word in container["args"][1:])
    assert options["--task"] == "auto"
    assert options["--workers"] == container["resources"]["requests"]["cpu"]


@pytest.mark.slow
def test_the_pods_of_a_training_find_each_other() -> None:
    found = documents("train.yaml")
    job, service = found["Job"], found["Service"]
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    options = dict(word.split("=") for word in container["command"] if "=" in word)
    assert int(options["--nnodes"]) == job["spec"]["completions"] == job["spec"]["parallelism"]
    assert int(options["--nproc-per-node"]) == container["resources"]["limits"]["nvidia.com/gpu"]
    host, _, port = options["--rdzv-endpoint"].partition(":")
    assert host == f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert [one["port"] for one in service["spec"]["ports"]] == [int(port)]
    assert service["spec"]["clusterIP"] == "None"
    assert int(options["--shutdown-timeout"]) < pod["terminationGracePeriodSeconds"]
    command_of(["train-ssl", *container["args"]])


# Containers


def stages() -> dict[str, list[str]]:
    """The targets of the Dockerfile that are no steps on the way, and all lines that make each."""
    text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    parts: dict[str, tuple[str, list[str]]] = {}
    for part in re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]:
        base, name = re.match(r"FROM (\S+) AS (\S+)", part).groups()  # type: ignore[union-attr]
        parts[name] = (base, part.splitlines()[1:])

    def lines(name: str) -> list[str]:
        return [*(lines(parts[name][0]) if parts[name][0] in parts else []), *parts[name][1]]

    return {name: lines(name) for name in parts if any("ENTRYPOINT" in line for line in lines(name))}


def test_the_dockerfile_is_clean() -> None:
    assert not tool("hadolint", DOCKER / "Dockerfile")
    assert list(stages())[-1] == "cpu", "the target of a build that names none"
    assert stages().keys() == {"cpu", "ray", "cuda", "s3"}


@pytest.mark.parametrize("target", list(stages()))
def test_an_image_is_an_ordinary_user(target: str) -> None:
    users = [line.split()[1] for line in stages()[target] if line.startswith("USER ")]
    assert users[-1] == "1000:1000"


def test_an_image_installs_what_the_project_declares() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (DOCKER / "Dockerfile").read_text()
    extras = set(re.findall(r"--extra (\S+)", text))
    assert {"cloud", "ray", "train"} <= extras <= set(project["optional-dependencies"])
    for line in re.findall(r"^RUN uv pip install.*", text, re.MULTILINE):
        assert "--constraint requirements.lock" in line or "--no-deps" in line, line


def test_a_build_sees_what_it_needs_and_no_more() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"pyproject.toml", "requirements.lock", project["readme"], *project["license-files"]} <= kept
    assert {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} - {"tests"} <= kept
    assert not {".git", "build", ".venv", "tests"} & kept


def test_the_services_are_made_of_our_targets() -> None:
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    assert {service["build"]["target"] for service in services.values()} == {"cpu", "ray", "s3"}
    for name, service in services.items():
        assert service["image"] == f"maskgen:{service['build']['target']}", name
        assert "ports" not in service, f"{name} is open to the network"
        assert set(service.get("depends_on", ())) <= services.keys()
        assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).samefile(
            DOCKER / "Dockerfile"
        )
    ray = [
        service.get("deploy", {}).get("replicas", 1) for name, service in services.items() if "ray-" in name
    ]
    assert sum(ray[:2]) == 3


def scripts() -> Iterator[list[str]]:
    """Every command of ours in the services and in the trial of an image."""
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    texts = [str(service.get("command", [""])[-1]) for service in services.values()]
    for line in itertools.chain.from_iterable(
        text.splitlines() for text in (*texts, (DOCKER / "images.sh").read_text())
    ):
        if line.strip().startswith("maskgen "):
            yield shlex.split(line.replace('\' "$image"', ""))


def test_the_trials_use_options_that_exist() -> None:
    found = list(scripts())
    assert {words[1] for words in found} == {"run", "verify", "preview", "doctor"}
    for words in found:
        command_of(words)
