"""Outputs stay alive until the GPU has read them; a list stands for the GPU."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

from maskgen.loaders.dali.lent import Lent


@dataclass
class Event:
    reached: bool = False

    def query(self) -> bool:
        return self.reached


class Outputs:
    """Something that can be seen to be gone."""


def test_a_batch_is_let_go_when_the_gpu_has_come_to_its_mark() -> None:
    events: list[Event] = []

    def mark() -> Event:
        events.append(Event())
        return events[-1]

    lent, seen = Lent(mark), []
    for _ in range(4):
        outputs = Outputs()
        seen.append(weakref.ref(outputs))
        lent.lend(outputs)
        del outputs
    assert len(events) == 3  # none for the batch that the consumer still works on
    assert len(lent) == 4
    events[0].reached = events[2].reached = True
    lent.lend(Outputs())
    assert [one() is None for one in seen] == [True, False, False, False]  # they end in their order
    for event in events:
        event.reached = True
    lent.lend(Outputs())
    assert [one() is None for one in seen] == [True] * 4
    assert len(lent) == 2  # the one worked on, and the one before
