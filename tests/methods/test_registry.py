"""The table: every row leads to a method, and the command line offers exactly these."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.config import run_config
from maskgen.methods import METHODS, networks
from maskgen.methods.priors import box

PRIORS = [name for name, spec in METHODS.items() if spec.prior]


def test_the_command_line_offers_the_methods_of_the_table() -> None:
    assert set(run_config.METHODS) == set(METHODS)


@pytest.mark.parametrize("name", PRIORS)
def test_a_training_free_method_has_a_module_of_its_name(name: str) -> None:
    assert METHODS[name].prior == name
    assert Path(box.__file__).with_name(f"{name}.py").is_file()
    assert METHODS[name].load_prior().__module__ == f"maskgen.methods.priors.{name}"


def test_every_folder_of_a_network_is_in_the_table() -> None:
    folders = {path.parent.name for path in Path(networks.__file__).parent.glob("*/method.py")}
    loaders = [spec.network.input for spec in METHODS.values() if spec.network]
    assert folders == {one.__module__.split(".")[-2] for one in loaders}


def test_a_networks_runtimes_and_precisions_are_options_of_a_run() -> None:
    for spec in METHODS.values():
        for (runtime, device), precisions in spec.network.precisions.items() if spec.network else ():
            assert runtime in run_config.RUNTIMES
            assert device in ("cpu", "cuda")
            assert set(precisions) <= set(run_config.PRECISIONS)
