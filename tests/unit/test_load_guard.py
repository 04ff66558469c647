"""The load test's verdict, on numbers that are known."""

import pytest

from loadtests.guard import Bounds, Measured, broken_bounds, overhead_ms, percentile


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("auth;dur=0.035, upstream;dur=4.000, total;dur=4.500", 0.5),
        ("upstream;dur=4, total;dur=3.9", 0.0),
        ("total;dur=4.5", None),
        ("auth;dur=0.1, upstream;dur=4", None),
        ("", None),
    ],
)
def test_overhead_is_all_but_the_upstreams_time(header: str, expected: float | None) -> None:
    assert overhead_ms(header) == expected


@pytest.mark.parametrize(("share", "expected"), [(0.5, 51), (0.95, 96), (1.0, 100)])
def test_a_percentile_is_taken_from_the_sorted_values(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def good(**changes: object) -> Measured:
    values = {"requests": 100, "failures": 0, "overheads_ms": [1.0] * 100, "first_deltas_ms": [20.0] * 100}
    return Measured(**{**values, **changes})


def test_a_good_run_breaks_nothing() -> None:
    assert broken_bounds(good(), Bounds()) == []


@pytest.mark.parametrize(
    ("measured", "problem"),
    [
        (good(failures=1), "1 of 100 requests failed, 0.00% are allowed"),
        (good(overheads_ms=[1.0] * 90 + [11.0] * 10), "gateway overhead: p95 is 11.0 ms, 10.0 ms are allowed"),
        (good(first_deltas_ms=[501.0] * 20), "time to first delta: p95 is 501.0 ms, 500.0 ms are allowed"),
        (good(overheads_ms=[]), "gateway overhead was measured 0 times, 20 are needed to judge"),
        (good(requests=0), "only 0 requests were made, 20 are needed to judge"),
    ],
)
def test_a_broken_bound_is_one_clear_line(measured: Measured, problem: str) -> None:
    assert broken_bounds(measured, Bounds()) == [problem]


def test_bounds_can_be_set() -> None:
    measured = good(failures=1, overheads_ms=[11.0] * 100)
    assert broken_bounds(measured, Bounds(failed_ratio_max=0.01, overhead_p95_ms_max=11.0)) == []
