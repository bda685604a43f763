"""Before a run in reduced precision: are its masks those of float32?"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.methods import PrecisionReport, check_precision
from maskgen.processes.lifetime import worker_environment

from ..log import append_log
from ..resolve import ResolvedConfig
from .kept_check import keep_report, kept_report


def check_precision_of(config: ResolvedConfig, output: Path) -> None:
    """Compare the masks of a few built-in photos with float32's, in a process of its own.

    The figures go to the log.

    Args:
        config: of the run; nothing is done for float32 or a method without a network.
        output: the run's folder.

    Raises:
        UsageError: the masks differ, and `force_precision` is off.
        EnvironmentFault: the check could not be made.
    """
    options = config.options
    report = compare_precision(config)
    if report is None:
        return
    append_log(
        output,
        {"precision": options.precision, "iou_mean": report.iou_mean, "iou_min": report.iou_min},
    )
    refuse_damage(report, options.precision, forced=options.force_precision)


def compare_precision(config: ResolvedConfig) -> PrecisionReport | None:
    """The masks of a few built-in photos against float32's, made in a process of its own.

    Made once: a result for the same weights, machine and versions is kept.

    Args:
        config: of the masks.

    Returns:
        None for float32 or a method without a network: there is nothing to compare.

    Raises:
        EnvironmentFault: the check could not be made.
    """
    options = config.options
    if not config.is_learned or options.precision == "fp32":
        return None
    if kept := kept_report(config):
        return kept
    method = config.method_on(config.devices[0])
    try:
        context = multiprocessing.get_context("spawn")
        with worker_environment(), ProcessPoolExecutor(1, context) as pool:
            report = pool.submit(check_precision, options.method, method).result()
    except BrokenProcessPool as error:
        raise EnvironmentFault(
            "the check of --precision has crashed", cause="too little memory", remedy="maskgen doctor"
        ) from error
    keep_report(config, report)
    return report


def refuse_damage(report: PrecisionReport, precision: str, *, forced: bool) -> None:
    """Stop a run whose masks would not be float32's.

    Args:
        report: of the comparison.
        precision: that was asked for.
        forced: whether the user goes on all the same.

    Raises:
        UsageError: the mean IoU is below .99, and nothing is forced.
    """
    if not report.ok and not forced:
        raise UsageError(
            f"--precision {precision} changes the masks: on {report.images} photos their mean IoU with "
            f"float32's is {report.iou_mean:.4f} (least {report.iou_min:.4f}), and .99 is asked for",
            remedy="give --precision fp32, or --force-precision to go on all the same",
        )
