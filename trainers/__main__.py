"""For torchrun: ``-m maskgen.trainers METHOD`` is `train-ssl`, ``-m maskgen.trainers eval`` is `eval-ssl`."""

from __future__ import annotations

import sys

from maskgen.cli.train_ssl import evaluate, train

if __name__ == "__main__":
    if sys.argv[1:2] == ["eval"]:
        del sys.argv[1]
        evaluate()
    else:
        train()
