"""Every photo gets its own map back, whoever sent it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from serving import SIDE, connect, mean_map

from maskgen.pipelines.model.slots import CHUNK, IN_FLIGHT


@pytest.mark.parametrize("clients", [1, 3])
def test_every_photo_gets_its_own_map_back(address: str, clients: int) -> None:
    def work(client: int) -> None:
        rng = np.random.default_rng(client)
        remote = connect(address)
        for _ in range(20):
            sent = []
            for _ in range(int(rng.integers(1, IN_FLIGHT + 1))):
                count = int(rng.integers(1, CHUNK + 1))
                photos = rng.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
                slot = remote.free_slot()
                slot.pixels[:count] = photos
                sent.append((photos, remote.submit(slot, count)))
            for photos, reply in sent:
                np.testing.assert_allclose(reply.wait()[: len(photos)], mean_map(photos), atol=1e-6)
        remote.close()
        done.append(client)

    done: list[int] = []
    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == list(range(clients))
