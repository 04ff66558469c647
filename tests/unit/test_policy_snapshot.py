"""Exceptions at request time: for whom, from which rules, until when; and no cost for keys without one."""

from dataclasses import replace

import pytest

from synapse.dlp import Exemption, Ruleset, Side, load_rules
from synapse.errors import PolicyUnavailable
from synapse.policy import Binding, DlpPolicy, Key, Limits, Policies, Snapshot, exempt_keys
from synapse.postgres.snapshot import keeping_bound, with_policies

RULES = "\n".join(
    f"""[[rule]]
id = "{name}_rule"
category = "test"
pack = "own"
severity = "high"
prompt = "redact"
answer = "redact"
core = "{name}"
strength = "S"
reference = "https://example.org"
hits = [{{ text = "{name}", why = "the word" }}]
misses = [{{ text = "x", why = "another" }}]
"""
    for name in ("alpha", "omega")
)


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return Ruleset.compile(load_rules(RULES), name="default")


def key(number: int, team: str = "payments", policy: str = "default") -> Key:
    binding = Binding(team, team, "tests", None, frozenset({"m"}), "sensitive", policy)
    return Key(f"key-{number}", f"syn_0000000{number}", bytes([number]) * 32, binding, Limits())


def exemption(*rules: str, key: str | None = None, team: str | None = None, until: int = 100) -> Exemption:
    return Exemption(rules, key, team, "why", until)


def snapshot(ruleset: Ruleset, keys: list[Key], *exemptions: Exemption) -> Snapshot:
    policies = {"default": DlpPolicy(ruleset, exemptions)}
    return Snapshot(1, {one.sha256: one for one in keys}, {}, policies, exempt_keys(keys, policies))


def redacted(snapshot: Snapshot, key: Key, now_us: int) -> str:
    return snapshot.ruleset_for(key, now_us).scan("alpha omega", Side.PROMPT).redacted


BOTH = "[REDACTED:alpha_rule] [REDACTED:omega_rule]"


def test_a_key_without_an_exception_has_the_policy_itself(ruleset: Ruleset) -> None:
    one, other = key(1), key(2, team="support")
    under = snapshot(ruleset, [one, other], exemption("alpha_rule", team="support"))
    assert under.ruleset_for(one, 0) is ruleset
    assert set(under.exempt) == {"key-2"}


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ({"team": "payments"}, "alpha [REDACTED:omega_rule]"),
        ({"key": "syn_00000001"}, "alpha [REDACTED:omega_rule]"),
        ({"key": "syn_0000"}, "alpha [REDACTED:omega_rule]"),
        ({"key": "syn_00000002"}, BOTH),
        ({"team": "support"}, BOTH),
        ({"key": "syn_00000001", "team": "support"}, BOTH),
        ({}, "alpha [REDACTED:omega_rule]"),
    ],
)
def test_an_exception_is_for_those_it_names(ruleset: Ruleset, scope: dict[str, str], left: str) -> None:
    one = key(1)
    assert redacted(snapshot(ruleset, [one], exemption("alpha_rule", **scope)), one, 99) == left  # type: ignore[arg-type]


def test_exceptions_end_one_after_the_other(ruleset: Ruleset) -> None:
    one = key(1)
    under = snapshot(
        ruleset, [one], exemption("omega_rule", until=200), exemption("alpha_rule", until=100), exemption("*", until=50)
    )
    assert redacted(under, one, 0) == "alpha omega"
    assert redacted(under, one, 49) == "alpha omega"
    assert redacted(under, one, 99) == "alpha omega"
    assert redacted(under, one, 100) == "[REDACTED:alpha_rule] omega"
    assert redacted(under, one, 199) == "[REDACTED:alpha_rule] omega"
    assert under.ruleset_for(one, 200) is ruleset


def test_an_exception_without_a_rule_is_of_every_rule_and_keys_share_what_is_left(ruleset: Ruleset) -> None:
    one, two = key(1), key(2)
    under = snapshot(ruleset, [one, two], exemption(team="payments"))
    assert redacted(under, one, 0) == "alpha omega"
    assert under.ruleset_for(one, 0) is under.ruleset_for(two, 0)
    # Audit entries name the policy that it was, whoever had an exception from it.
    assert under.ruleset_for(one, 0).version == ruleset.version


def test_a_key_whose_policy_is_not_there_is_refused(ruleset: Ruleset) -> None:
    one = key(1, policy="strict")
    under = snapshot(ruleset, [one])
    with pytest.raises(PolicyUnavailable, match="'strict'"):
        under.ruleset_for(one, 0)
    assert under.missing_policies() == {"strict"}
    # A disabled key needs none.
    disabled = replace(one, disabled_at_us=0)
    assert snapshot(ruleset, [disabled]).missing_policies() == frozenset()


def test_other_policies_come_with_their_exceptions_and_the_keys_stay(ruleset: Ruleset) -> None:
    one = key(1)
    before = snapshot(ruleset, [one])
    policies = Policies({"default": DlpPolicy(ruleset, (exemption("alpha_rule"),))}, frozenset({"default"}))
    after = with_policies(before, policies)
    assert after.keys is before.keys
    assert redacted(before, one, 0) == BOTH
    assert redacted(after, one, 0) == "alpha [REDACTED:omega_rule]"


def test_a_policy_that_is_gone_stays_for_the_keys_that_are_bound_to_it(ruleset: Ruleset) -> None:
    one = key(1)
    before = Policies({name: DlpPolicy(ruleset) for name in ("default", "unused")}, frozenset({"default", "unused"}))
    after = Policies({"other": DlpPolicy(ruleset)}, frozenset({"other"}))
    kept = keeping_bound(after, before, snapshot(ruleset, [one]))
    assert kept.compiled.keys() == {"default", "other"}
    assert kept.names == {"default", "other"}
