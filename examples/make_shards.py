"""Masks and backgrounds of a folder of photos as shards, verified.

python examples/make_shards.py photos/ shards/
"""

import argparse
from pathlib import Path

import maskgen


def main() -> None:
    """Make the shards; run again to resume after an interruption."""
    parser = argparse.ArgumentParser(description="Make mask shards from a folder of photos.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--method", default="fast", choices=sorted(maskgen.METHODS))
    parser.add_argument("--weights", default="", help="checkpoint of a learned method")
    arguments = parser.parse_args()

    outcome = maskgen.run(
        dataset="folder",
        input=arguments.photos,
        output=arguments.shards,
        method=arguments.method,
        weights=arguments.weights,
    )
    whole = outcome.manifest
    print(f"samples: {whole.samples}, shards: {len(whole.shards)}, images not used: {whole.failed}")

    report = maskgen.verify(arguments.shards, level="full")
    for fault in report.faults:
        print(f"{fault.where}: {fault.text}")
    print("sound" if not report.faults else f"{len(report.faults)} faults")


if __name__ == "__main__":  # the workers import this file
    main()
