"""Heads in files, and what is counted with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from maskgen.errors import ShardFault, UsageError
from maskgen.trainers.heads.head import OWN, Head, Standardizer, accuracies, load_head, save_head
from maskgen.trainers.pretrained.encoder import Encoder, InputRange

CPU = torch.device("cpu")


def encoder(
    sha256: str = "a" * 64, dim: int = 3, classifier: dict[str, torch.Tensor] | None = None
) -> Encoder:
    facts = {"checkpoint_sha256": sha256}
    return Encoder(nn.Identity(), dim, 32, "d", facts, InputRange((0.5,) * 3, (0.5,) * 3), classifier)


def by_hand() -> Head:
    """Class 0 for the first feature, 1 for the second, 2 for the third."""
    layer = nn.Linear(3, 3)
    layer.load_state_dict({"weight": torch.eye(3), "bias": torch.zeros(3)})
    return Head(layer, names={0: "cat", 2: "dog"}, facts={"checkpoint_sha256": "a" * 64, "side": 32})


def test_a_head_comes_back_as_it_was(tmp_path: Path) -> None:
    standard = Standardizer(torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1.0, 2.0, 4.0]))
    saved = Head(by_hand().layer, standard, by_hand().names, by_hand().facts)
    save_head(tmp_path / "h.safetensors", saved)
    found = load_head(str(tmp_path / "h.safetensors"), encoder(), CPU)
    features = torch.randn(5, 3)
    assert torch.equal(found.logits(features), saved.logits(features))
    assert (found.names, found.facts) == (saved.names, saved.facts)


def test_a_head_of_another_checkpoint_or_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h.safetensors"
    save_head(path, by_hand())
    with pytest.raises(UsageError, match="trained on another checkpoint"):
        load_head(str(path), encoder(sha256="b" * 64), CPU)
    with pytest.raises(UsageError, match="takes 3 features, the backbone gives 4"):
        load_head(str(path), encoder(dim=4), CPU)
    with pytest.raises(UsageError, match="no such head"):
        load_head(str(tmp_path / "none.safetensors"), encoder(), CPU)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ShardFault, match="cannot read a head"):
        load_head(str(path), encoder(), CPU)


GOOD = {"weight": torch.eye(3), "bias": torch.zeros(3)}


@pytest.mark.parametrize(
    ("tensors", "result", "cause"),
    [
        ({"weight": torch.eye(3)}, "{}", "it has no 'bias'"),
        (GOOD, "", "it has no 'result'"),
        (GOOD, "[1, 2]", "."),
        (GOOD, "no JSON", "Expecting value"),
        (GOOD, '{"names": ["cat"]}', "."),
        (GOOD, '{"names": {"first": "cat"}}', "'first'"),
        ({**GOOD, "weight": torch.zeros(3)}, "{}", "."),
        ({**GOOD, "bias": torch.zeros(2)}, "{}", "size mismatch"),
        ({**GOOD, "mean": torch.zeros(2), "deviation": torch.ones(3)}, "{}", r"\(2,\) values for 3 features"),
    ],
)
def test_a_file_that_holds_no_head_is_refused_with_a_cause(
    tmp_path: Path, tensors: dict[str, torch.Tensor], result: str, cause: str
) -> None:
    path = tmp_path / "h.safetensors"
    save_file(tensors, path, {"result": result} if result else {})
    with pytest.raises(ShardFault, match="cannot read a head") as caught:
        load_head(str(path), encoder(), CPU)
    assert re.search(cause, caught.value.cause)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("content", [b"", b"no head at all", None])
def test_other_files_and_folders_are_no_heads(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "h.safetensors"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ShardFault, match="cannot read a head"):
        load_head(str(path), encoder(), CPU)


def test_the_checkpoints_own_classifier_is_a_head() -> None:
    classifier = {"weight": torch.eye(3) * 2, "bias": torch.tensor([0.0, 1.0, 0.0])}
    found = load_head(OWN, encoder(classifier=classifier), CPU)
    assert found.logits(torch.ones(1, 3)).tolist() == [[2.0, 3.0, 2.0]]
    with pytest.raises(UsageError, match="no classifier of its own"):
        load_head(OWN, encoder(), CPU)


def test_mean_per_class_by_hand() -> None:
    """Class 0: two of three right; class 2: one of one; class 1 has no image and does not count."""
    one = torch.eye(3)
    features = torch.stack([one[0], one[0], one[1], one[2]])
    found = accuracies(by_hand(), features, torch.tensor([0, 0, 0, 2]))
    assert found == {"top1": 0.75, "top5": 1.0, "per_class": pytest.approx((2 / 3 + 1) / 2)}


def test_top_5_counts_any_of_five() -> None:
    layer = nn.Linear(10, 10, bias=False)
    layer.weight.data = torch.eye(10)
    scores = torch.arange(10.0).flip(0)[None]  # class 0 first, then 1, 2, ...
    for truth, wanted in ((0, (1.0, 1.0)), (4, (0.0, 1.0)), (5, (0.0, 0.0))):
        found = accuracies(Head(layer), scores, torch.tensor([truth]))
        assert (found["top1"], found["top5"]) == wanted


def test_standardised_features_have_mean_0_and_deviation_1() -> None:
    features = torch.randn(60, 8, generator=torch.Generator().manual_seed(0)) + 1
    rows = Standardizer.fit(features)(features)
    assert rows.mean(0).abs().max() < 1e-5
    torch.testing.assert_close(rows.std(0), torch.ones(8))
