"""A run that goes on over many deltas: the offsets of its finding stay right when what it began with is forgotten."""

from collections.abc import Sequence
from typing import Literal

import oracle
import pytest
from texts import toy

from synapse.dlp import Rule, Ruleset

# Invisible signs part the offsets into pieces, and pieces are forgotten behind the frontier.
DELTAS = ["\u200bx", "\u200bab", "a\u200b", "\u200b", "a\u200ba", "a"]


@pytest.mark.parametrize("answer", ["redact", "alert"])
@pytest.mark.parametrize("beside", [(), (toy("other", "ccc", answer="alert"),)])
@pytest.mark.parametrize("tail", [[], ["."], ["\u200b", "."]])
def test_a_run_over_many_deltas_keeps_its_beginning(
    answer: Literal["redact", "alert"], beside: Sequence[Rule], tail: list[str]
) -> None:
    rules = [toy("w", "ab", run="a", answer=answer), *beside]
    ruleset = Ruleset.compile(rules, name="runs")
    # Long, so that alert rules look at it in several bites.
    deltas = [*DELTAS, *["a\u200b" * 100] * 100, *tail]
    delivered, findings, _ = oracle.redact(ruleset.rules, "".join(deltas))
    redactor = ruleset.redactor()
    left = "".join(map(redactor.feed, deltas)) + redactor.finish()
    assert (left, redactor.findings) == (delivered, findings)
