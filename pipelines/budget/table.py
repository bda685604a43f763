"""A budget as lines of text."""

from __future__ import annotations

from .measure import Budget, Part


def budget_lines(budget: Budget) -> list[str]:
    """One line a part, the sums, and what they do not explain.

    Example:
        >>> from maskgen.pipelines.budget.measure import Budget, Part
        >>> parts = (Part("decode", 2.0, 1.5, "simplejpeg"), Part("network", 7.0, 7.0, "onnxruntime"))
        >>> for line in budget_lines(Budget(parts, 10.0, 8, 1e5, 2e5, 1e5))[-4:]:
        ...     print(line)
        all parts                9.000     8.500   94 %
        the worker              10.000             85 %  of it the limits
        not explained            1.000
        all but the network      3.000     1.500   50 %
    """
    photos = f"{budget.photos} photos of {budget.source_bytes / 1e3:.0f} kB and {budget.pixels / 1e3:.0f} kpx"
    network, of_worker = budget.network, _share(budget.limit_ms, budget.whole_ms)
    host, host_limit = budget.whole_ms - network.own_ms, budget.limit_ms - network.limit_ms
    return [
        f"{photos}, samples of {budget.sample_bytes / 1e3:.0f} kB",
        f"{'CPU ms a photo':20}{'here':>10}{'limit':>10}",
        *(_line(part) for part in budget.parts),
        _sums("all parts", budget.own_ms, budget.limit_ms),
        f"{'the worker':20}{budget.whole_ms:10.3f}{'':10}{of_worker}  of it the limits",
        f"{'not explained':20}{budget.whole_ms - budget.own_ms:10.3f}",
        _sums("all but the network", host, host_limit),
    ]


def _sums(name: str, own: float, limit: float) -> str:
    return f"{name:20}{own:10.3f}{limit:10.3f}{_share(limit, own)}"


def _line(part: Part) -> str:
    share = _share(part.limit_ms, part.own_ms) if part.limit else f"{'':7}"
    return f"{part.name:20}{part.own_ms:10.3f}{part.limit_ms:10.3f}{share}  {part.limit}".rstrip()


def _share(limit: float, own: float) -> str:
    return f"{100 * limit / own:5.0f} %" if own > 0 else f"{'':7}"
