"""The default rules, compiled once for all tests of the engine."""

import pytest

from synapse.dlp import Rule, Ruleset, default_ruleset, load_default_rules


@pytest.fixture(scope="session")
def rules() -> list[Rule]:
    return load_default_rules()


@pytest.fixture(scope="session")
def ruleset() -> Ruleset:
    return default_ruleset()
