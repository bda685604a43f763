"""What is done ahead for a batch on a device, and what in the thread that asks for it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maskgen.loaders.torch import upload


class Maker:
    """Notes in which thread it was called, and with what."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[Tensor]]] = []

    def batch(self, _sources: Any, tensors: list[Tensor]) -> Any:
        self.calls.append((threading.current_thread().name, tensors))
        return len(self.calls)


def begin(maker: Any, device: str) -> Any:
    """In a thread of its own."""
    made: list[Any] = []
    arrays = [np.arange(6, dtype=np.uint8).reshape(2, 3)]
    sources: Any = None
    thread = threading.Thread(
        target=lambda: made.append(upload.begin_batch(maker, sources, arrays, device)), name="ahead"
    )
    thread.start()
    thread.join()
    return made[0]


def test_on_a_cpu_all_is_done_ahead() -> None:
    maker = Maker()
    finish = begin(maker, "cpu")
    assert finish() == finish() == 1
    assert [name for name, _ in maker.calls] == ["ahead"]


def test_for_a_gpu_the_one_who_asks_copies_from_page_locked_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[str] = []

    def pin(tensor: Tensor) -> Tensor:
        pinned.append(threading.current_thread().name)
        return tensor

    monkeypatch.setattr(upload, "_pin", pin)
    maker = Maker()
    finish = begin(maker, "meta")  # stands for a GPU
    assert (pinned, maker.calls) == (["ahead"], [])
    finish()
    (name, (tensor,)), *_ = maker.calls
    assert name == threading.current_thread().name
    assert tensor.device.type == "meta"
    assert tensor.shape == (2, 3)


@pytest.mark.gpu
def test_on_a_gpu_the_pictures_are_those_of_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    maker = Maker()
    begin(maker, "cuda")()
    assert maker.calls[0][1][0].cpu().tolist() == [[0, 1, 2], [3, 4, 5]]
