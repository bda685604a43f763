"""Released files' names: which are the encoder's, which a head's, and which nobody's."""

from __future__ import annotations

import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.pretrained.layouts import complete, name_numbered, resnet_prefixes, split

ONE = torch.zeros(1)
FIRST = "layer1.0.conv1.weight"


@pytest.mark.parametrize(
    ("prefix", "others"),
    [
        ("module.encoder_q.", ["module.encoder_k."]),  # MoCo, CAST, RSA
        ("module.encoder.", []),  # SimSiam
        ("module.", []),  # SwAV
        ("", []),  # torchvision
        ("module.online_network.encoder.", ["module.target_network.encoder."]),  # BYOL
        ("online_encoder.net.", ["target_encoder.net."]),
    ],
)
def test_the_online_encoder_is_found(prefix: str, others: list[str]) -> None:
    assert resnet_prefixes([f"{one}{FIRST}" for one in (prefix, *others)]) == [prefix]


def test_heads_queues_and_momentum_networks_are_left_out() -> None:
    names = [
        "module.encoder_q.conv1.weight",
        "module.encoder_q.fc.0.weight",
        "module.encoder_q.fc.2.bias",
        "module.encoder_k.conv1.weight",
        "module.queue",
        "module.queue_ptr",
        "module.encoder_q_head.0.weight",
        "module.pred.1.running_mean",
        "module.projection_head.0.weight",
        "module.prototypes.weight",
        "module.online_network.projetion.l1.weight",
        "module.predictor.predictor.l2.bias",
    ]
    found = split(dict.fromkeys(names, ONE), "module.encoder_q.", {"conv1.weight"})
    assert list(found.encoder) == ["conv1.weight"]
    assert found.classifier is None


def test_a_tensor_of_no_known_kind_is_refused() -> None:
    weights = {"module.conv1.weight": ONE, "module.layer5.0.weight": ONE}
    with pytest.raises(
        UsageError, match=r"neither the encoder's nor a known head's: module\.layer5\.0\.weight"
    ):
        split(weights, "module.", {"conv1.weight"})


def test_only_a_whole_models_one_linear_layer_is_a_classifier() -> None:
    linear = {"fc.weight": torch.zeros(10, 4), "fc.bias": torch.zeros(10)}
    for prefix, wanted in (("", True), ("module.", True), ("module.encoder_q.", False)):
        found = split({f"{prefix}{name}": value for name, value in linear.items()}, prefix, set())
        assert (found.classifier is not None) == wanted
    deep = {**linear, "fc.2.weight": torch.zeros(4, 4)}
    assert split(deep, "", set()).classifier is None


def test_a_sequentials_numbers_become_torchvisions_names() -> None:
    names = ["e.0.weight", "e.1.bias", "e.4.0.conv1.weight", "e.7.1.bn2.bias", "p.0.weight"]
    found = name_numbered(dict.fromkeys(names, ONE))
    assert list(found) == ["e.conv1.weight", "e.bn1.bias", f"e.{FIRST}", "e.layer4.1.bn2.bias", "p.0.weight"]


def test_counters_that_old_files_lack_are_the_networks() -> None:
    state = {"bn1.weight": ONE, "bn1.num_batches_tracked": ONE, "bn1.bias": ONE}
    assert complete({"bn1.weight": ONE}, state).keys() == {"bn1.weight", "bn1.num_batches_tracked"}
