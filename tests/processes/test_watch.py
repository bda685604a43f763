"""What a worker is busy with, as its supervisor reads it from the slots."""

from __future__ import annotations

import time

import pytest

from maskgen.processes.watch import (
    IDLE,
    SLOTS,
    STAGES,
    Watch,
    busy_for,
    busy_image,
    finished_images,
    kept_images,
    saved_images,
    unsaved_images,
)


def test_a_fresh_watch_is_idle() -> None:
    slots = list(IDLE)
    assert len(slots) == SLOTS
    assert (busy_image(slots), busy_for(slots, 1e9), finished_images(slots)) == (None, 0.0, 0)


def test_the_slots_name_the_image_and_since_when_and_are_idle_after_it_even_if_it_fails() -> None:
    slots = list(IDLE)
    watch = Watch(slots)
    before = time.monotonic()
    with watch.image(0):
        assert busy_image(slots) == 0
        after = time.monotonic()
        assert after - slots[1] <= busy_for(slots, after) + 1e-9 <= after - before + 1e-6
        assert busy_for(slots, after + 100) >= 100
    assert (busy_image(slots), busy_for(slots, time.monotonic())) == (None, 0.0)
    with pytest.raises(ZeroDivisionError), watch.image(7):
        raise ZeroDivisionError
    assert (slots[0], busy_image(slots)) == (-1.0, None)


def test_stages_add_up_their_time_and_a_new_shard_begins_at_zero() -> None:
    slots = list(IDLE)
    watch = Watch(slots)
    for _ in range(2):
        with watch.stage("method"):
            time.sleep(0.02)
    watch.finished(5)
    assert finished_images(slots) == 5
    assert 0.04 <= watch.seconds["method"] < 10
    assert sum(watch.seconds.values()) == watch.seconds["method"]
    watch.begin_shard()
    assert watch.seconds == dict.fromkeys(STAGES, 0.0)
    assert (finished_images(slots), busy_image(slots)) == (0, None)


def test_what_a_kill_would_cost_is_what_was_taken_up_and_not_saved() -> None:
    slots = list(IDLE)
    watch = Watch(slots)
    for index in (0, 1, 2, 3, 1):  # a chunk is taken up, then its images are finished in turn
        with watch.image(index):
            pass
    watch.kept()
    for _ in range(3):
        watch.saved()
    assert (kept_images(slots), watch.kept_count, saved_images(slots), unsaved_images(slots)) == (1, 1, 3, 1)
    watch.begin_shard()
    assert (kept_images(slots), saved_images(slots), unsaved_images(slots)) == (0, 0, 0)
