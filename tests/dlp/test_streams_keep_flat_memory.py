"""A stream keeps what it holds back and its findings, and nothing for what has left; many keep nothing."""

import tracemalloc
from collections.abc import Callable

import pytest
from streams_memory import TRACED_MAX, growth, many_streams, one_stream

from synapse.dlp import Ruleset

DELTAS = 50_000


@pytest.mark.parametrize("run", [one_stream, many_streams])
def test_streams_keep_flat_memory(ruleset: Ruleset, run: Callable[[Ruleset, int], list[tuple[int, int]]]) -> None:
    """`python tests/dlp/streams_memory.py` does it with a million, and looks at resident memory too."""
    # The states of the automata and the expressions that these texts need are made once, and kept.
    run(ruleset, DELTAS)
    tracemalloc.start()
    try:
        traced, _ = growth(run(ruleset, DELTAS))
    finally:
        tracemalloc.stop()
    assert traced < TRACED_MAX
