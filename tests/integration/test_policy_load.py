"""The load test of policy reloads, smaller: requests without a pause while good and broken files are saved."""

import pytest

from loadtests.policy_reload import run


@pytest.mark.timeout(180)
def test_reloads_under_load_fail_no_request_and_mix_no_versions() -> None:
    figures = run(requests=400, reloads=4, broken=2, workers=2, threads=4)

    assert figures.broken_promises() == []
    assert figures.requests >= 400
    assert len(figures.good_s) == 2
    assert figures.broken_told == 2
    assert len(figures.versions) >= 2
