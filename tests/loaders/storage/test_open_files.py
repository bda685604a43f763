"""A bounded number of open files: never one closed in use, and an error where none is left."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.errors import EnvironmentFault
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.samples import SampleReader
from maskgen.loaders.storage.open_files import OpenFiles


@pytest.mark.slow
def test_few_descriptors_are_enough(drawn: Any) -> None:
    """ulimit -n leaves room for two more files than are open."""
    program = (
        "import os, resource, sys, numpy as np\n"
        "from maskgen.loaders.dataset.open import open_dataset\n"
        "from maskgen.loaders.reading.samples import SampleReader\n"
        "dataset = open_dataset(sys.argv[1])\n"
        "reader = SampleReader(dataset, ('jpg',), open_files=100)\n"
        "used = max(int(name) for name in os.listdir('/proc/self/fd')) + 1\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, "
        "resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "for epoch in range(3):\n"
        "    reader.take(dataset.order(0, epoch)[np.arange(dataset.samples)], ('jpg',))\n"
        "print('read')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(drawn.path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr


def test_no_descriptor_at_all_is_an_error_of_the_environment(drawn: Any) -> None:
    dataset = open_dataset(drawn.path)
    reader = SampleReader(dataset, on_error="skip")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):  # noqa: PT012
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        with pytest.raises(EnvironmentFault, match="too many open files"):
            reader.take(np.arange(21))
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not reader.broken
    reader.take(np.arange(21))


def test_open_files_never_closes_one_in_use(tmp_path: Path) -> None:
    paths = [tmp_path / str(n) for n in range(8)]
    for n, path in enumerate(paths):
        path.write_text(str(n))
    files = OpenFiles(lambda n: os.open(paths[n], os.O_RDONLY), capacity=1)
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        for _ in range(50):
            with files.use(number) as descriptor:
                if _ == 0:
                    barrier.wait()
                assert os.pread(descriptor, 9, 0) == str(number).encode()
        assert len(files) <= 9

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(files) == 1
    files.close()
    assert len(files) == 0
