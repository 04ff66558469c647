"""Validators agree with python-stdnum on random and mutated numbers, but for the differences that are on purpose.

`SYNAPSE_STDNUM_NUMBERS=100000` takes more numbers than the 2,000 of a test run; `python -m benchmarks validators`
prints the differences.
"""

import os

import pytest

from benchmarks.validators import Oracle, compare, load_oracles
from synapse.dlp import Rule, load_all_rules

NUMBERS = int(os.environ.get("SYNAPSE_STDNUM_NUMBERS", "2000"))
RULES = {rule.id: rule for rule in load_all_rules()}
ORACLES = load_oracles()


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.rule)
def test_the_verdict_is_that_of_python_stdnum(oracle: Oracle) -> None:
    result = compare(_rule(oracle), oracle, numbers=NUMBERS)
    assert result.both > 0, "no valid number was tried"
    assert result.unexplained(oracle) == []


@pytest.mark.parametrize("oracle", [o for o in ORACLES if o.differs], ids=lambda oracle: oracle.rule)
def test_a_difference_names_the_public_source_that_decides(oracle: Oracle) -> None:
    assert "https://" in oracle.why


def _rule(oracle: Oracle) -> Rule:
    assert oracle.rule in RULES, f"benchmarks/oracles registers {oracle.rule}, which is no rule"
    return RULES[oracle.rule]
