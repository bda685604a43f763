"""Every Python block of docs/how-to/loader.md runs as it stands, and the loaders are what Lightning asks of a `train_dataloader`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.loaders import RECIPES, DaliLoader, Dataset, Recipe, TorchLoader, View, open_dataset

torch = pytest.importorskip("torch", reason="views are torch tensors")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "loader.md"
TINY = Recipe(views=(View(size=8),))


def blocks() -> dict[str, str]:
    """The Python blocks by the heading above them, without those that say why they are not run."""
    found: dict[str, str] = {}
    heading = ""
    pattern = r"^#+ ([^\n]+)$|(<!-- not run: [^\n]+ -->\n)?^```python\n(.*?)^```$"
    for match in re.finditer(pattern, PAGE.read_text(), re.MULTILINE | re.DOTALL):
        if match[1]:
            heading = match[1]
        elif not match[2]:
            found[heading] = match[3]
    return found


def run(heading: str) -> dict[str, Any]:
    """The names that a block leaves behind."""
    names: dict[str, Any] = {}
    exec(compile(blocks()[heading], f"{PAGE.name}: {heading}", "exec"), names)
    return names


@pytest.fixture
def shards(builder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.move(builder(samples=26, shard_size=9).path, tmp_path / "shards")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shards"


@pytest.fixture(params=["dali", "torch"])
def kind(request: pytest.FixtureRequest) -> type[DaliLoader | TorchLoader]:
    if request.param == "torch":
        return TorchLoader
    pytest.importorskip("nvidia.dali", reason="this is the loader with DALI")
    return DaliLoader


def test_opening(shards: Path) -> None:
    pytest.importorskip("nvidia.dali", reason="the block uses DALI")
    names = run("The loader")
    assert tuple(names["query"].shape) == (4, 3, 224, 224)
    assert names["query"].dtype == torch.uint8
    assert tuple(names["batch"]["negative"].shape) == (4, 3, 224, 224)
    assert names["loader"].state_dict()["epoch"] == 1


def test_own_recipes(shards: Path) -> None:
    names = run("Your own recipe")
    batch = next(iter(TorchLoader(open_dataset(shards), 3, recipe=names["mine"], seed=0)))
    assert [tuple(view.shape[2:]) for view in batch["views"]] == [(224, 224)] * 2 + [(96, 96)] * 2
    assert batch["masks"] is not None
    assert [mask is not None for mask in batch["masks"]] == [True, True, False, False]
    assert {view.photometric.blur_p for view in names["stronger"].views} == {1.0}
    assert names["stronger"].views[0].background == RECIPES["swav-bg-rm"].views[0].background


def test_normalising_in_the_model_is_the_loaders_own(shards: Path) -> None:
    layer = run("What a batch holds")["Normalise"]()
    dataset = open_dataset(shards)
    plain = next(iter(TorchLoader(dataset, 3, recipe=TINY, seed=0)))["views"][0]
    ready = next(iter(TorchLoader(dataset, 3, recipe=TINY, seed=0, output="float32")))["views"][0]
    assert torch.allclose(layer(plain), ready, atol=1e-5)


def test_resuming_on_other_ranks(shards: Path) -> None:
    pytest.importorskip("nvidia.dali", reason="the block uses DALI")
    names = run("Epochs, resuming, ranks")
    order = np.asarray(open_dataset(shards).order(0, 0)[np.arange(26)])
    assert names["first"]["sample"].tolist() == order[:4].tolist()
    assert [part.tolist() for part in names["rest"]] == [order[8:16].tolist(), order[16:24].tolist()]


def test_every_recipe_of_the_page_exists() -> None:
    table = PAGE.read_text().partition("## Recipes")[2].partition("## Your own")[0]
    named = {
        name
        for line in table.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([\w-]+)`", line.split("|")[1])
    }
    assert named == set(RECIPES)


def fit(
    dataset: Dataset, kind: Any, epochs: range, *, stop: int = -1, state: Any = None
) -> tuple[list[list[int]], Any]:
    """What Lightning 2 does with a `train_dataloader`: it asks for an iterator once to see that there is one, restores
    a state, iterates as many steps as the length says, and asks again for each later epoch. Returns the samples of
    each step, and the state when it stopped."""
    loader = kind(dataset, 4, recipe=TINY, seed=3)
    loader.set_epoch(epochs[0])
    iter(loader)
    if state is not None:
        loader.load_state_dict(state)
    iterator = iter(loader)
    seen: list[list[int]] = []
    for epoch in epochs:
        if epoch != epochs[0]:
            iterator = iter(loader)
        done = 0 if state is None or epoch != epochs[0] else state["samples_done"] // 4
        for _ in range(len(loader) - done):
            seen.append(next(iterator)["sample"].tolist())
            if len(seen) == stop:
                return seen, loader.state_dict()
        assert next(iterator, None) is None
    return seen, loader.state_dict()


def test_lightning_gets_whole_epochs_and_exact_resumes(shards: Path, kind: Any) -> None:
    dataset = open_dataset(shards)
    straight, _ = fit(dataset, kind, range(3))
    assert len(straight) == 3 * 6
    for epoch in range(3):
        assert len({sample for step in straight[6 * epoch : 6 * epoch + 6] for sample in step}) == 24
    assert straight[:6] != straight[6:12]
    begun, state = fit(dataset, kind, range(3), stop=8)
    assert begun == straight[:8]
    assert fit(dataset, kind, range(1, 3), state=state)[0] == straight[8:]
    assert fit(dataset, kind, range(1, 3))[0] == straight[6:], "a checkpoint at an epoch's end holds no state"


def test_set_epoch_chooses_an_epoch(shards: Path, kind: Any) -> None:
    dataset = open_dataset(shards)
    loader = kind(dataset, 4, recipe=TINY, seed=3)
    epochs = [[batch["sample"].tolist() for batch in loader] for _ in range(3)]
    loader.set_epoch(1)
    assert [batch["sample"].tolist() for batch in loader] == epochs[1]
    assert [batch["sample"].tolist() for batch in loader] == epochs[2]
