"""Decides whether a load test passed: nothing failed, and the gateway added little time of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

# `server-timing: auth;dur=0.035, upstream;dur=4.1, total;dur=4.4`, in milliseconds.
_STAGE = re.compile(r"([a-z_]+);dur=([0-9.]+)")
# Fewer say nothing about a 95th percentile.
SAMPLES_MIN = 20


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is allowed. The default is generous: it is for any machine, and only a real regression exceeds it."""

    failed_ratio_max: float = 0.0
    overhead_p95_ms_max: float = 10.0
    first_delta_p95_ms_max: float = 500.0


@dataclass(slots=True)
class Measured:
    """What the users saw."""

    requests: int = 0
    failures: int = 0
    overheads_ms: list[float] = field(default_factory=list)
    first_deltas_ms: list[float] = field(default_factory=list)


def overhead_ms(server_timing: str) -> float | None:
    """The time the gateway itself took: all but the upstream's. None when the header does not tell."""
    stages = {name: float(value) for name, value in _STAGE.findall(server_timing)}
    if "total" not in stages or "upstream" not in stages:
        return None
    return max(stages["total"] - stages["upstream"], 0.0)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def broken_bounds(measured: Measured, bounds: Bounds) -> list[str]:
    """A line for each bound that was exceeded, or that could not be measured."""
    if measured.requests < SAMPLES_MIN:
        return [f"only {measured.requests} requests were made, {SAMPLES_MIN} are needed to judge"]
    problems = []
    failed_ratio = measured.failures / measured.requests
    if failed_ratio > bounds.failed_ratio_max:
        problems.append(
            f"{measured.failures} of {measured.requests} requests failed, {bounds.failed_ratio_max:.2%} are allowed"
        )
    for name, values, p95_ms_max in (
        ("gateway overhead", measured.overheads_ms, bounds.overhead_p95_ms_max),
        ("time to first delta", measured.first_deltas_ms, bounds.first_delta_p95_ms_max),
    ):
        if len(values) < SAMPLES_MIN:
            problems.append(f"{name} was measured {len(values)} times, {SAMPLES_MIN} are needed to judge")
        elif (p95_ms := percentile(values, 0.95)) > p95_ms_max:
            problems.append(f"{name}: p95 is {p95_ms:.1f} ms, {p95_ms_max:.1f} ms are allowed")
    return problems
