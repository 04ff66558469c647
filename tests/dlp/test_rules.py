"""Every rule of the set: its own examples, every cut of every secret, and a hostile text of its own shape."""

from dataclasses import replace
from pathlib import Path

import oracle
import pytest

from synapse.dlp import Rule, Ruleset, Side, check_rules, load_default_rules
from synapse.dlp.rules import Example

RULES = load_default_rules()
HITS = [pytest.param(rule, hit, id=f"{rule.id}: {hit.why}") for rule in RULES for hit in rule.hits]
MISSES = [pytest.param(rule, miss, id=f"{rule.id}: {miss.why}") for rule in RULES for miss in rule.misses]
FIRST_SET = {
    *("credit_card", "iban", "email", "us_ssn", "uk_nino", "phone", "ipv4", "jwt", "private_key"),
    *("aws_access_key", "github_token", "openai_key", "anthropic_key", "synapse_key"),
}


def test_the_first_set_is_complete() -> None:
    assert {rule.id for rule in RULES} >= FIRST_SET


def test_no_rule_has_a_problem() -> None:
    assert check_rules(RULES) == []


@pytest.mark.parametrize(("rule", "hit"), HITS)
def test_a_hit_is_found_whole_among_all_other_rules(ruleset: Ruleset, rule: Rule, hit: Example) -> None:
    before = f"Look: {hit.before}" if hit.before else 'Look: "'
    findings = ruleset.scan(f'{before}{hit.text}" there.', Side.PROMPT).findings
    start = len(before)
    assert (rule.id, rule.prompt, start, start + len(hit.text)) in [
        (f.rule, f.action, f.start, f.end) for f in findings
    ]


@pytest.mark.parametrize(("rule", "miss"), MISSES)
def test_a_miss_is_left_alone(ruleset: Ruleset, rule: Rule, miss: Example) -> None:
    assert rule.id not in {f.rule for f in ruleset.scan(miss.before + miss.text, Side.PROMPT).findings}


@pytest.fixture(scope="module")
def acting() -> Ruleset:
    """All rules act on answers, so that alert rules prove their streams too."""
    return Ruleset.compile([replace(rule, answer="redact") for rule in RULES], name="acting")


@pytest.mark.parametrize(("rule", "hit"), HITS)
def test_a_secret_cut_anywhere_never_leaves(acting: Ruleset, rule: Rule, hit: Example) -> None:
    """Cut in two at every place, and once at all of them."""
    text = f"I found this: {hit.before}{hit.text} in the file."
    # What a run takes with it after a secret belongs to the secret; the plain oracle says how much.
    expected = oracle.redact(acting.rules, text)[0]
    assert "[REDACTED:" in expected
    assert hit.text not in expected
    for cut in range(len(text) + 1):
        assert _deliver(acting, [text[:cut], text[cut:]]) == expected, cut
    assert _deliver(acting, list(text)) == expected


def _deliver(ruleset: Ruleset, deltas: list[str]) -> str:
    redactor = ruleset.redactor()
    return "".join(redactor.feed(delta) for delta in deltas) + redactor.finish()


@pytest.mark.parametrize("rule", [r for r in RULES if r.prompt == "block"], ids=lambda rule: rule.id)
def test_a_block_rule_on_answers_keeps_the_secret_and_all_that_follows(rule: Rule) -> None:
    ruleset = Ruleset.compile([replace(rule, answer="block")], name="blocking")
    hit = rule.hits[-1]
    before, secret = f"Here: {hit.before}", hit.text
    for cut in range(len(secret)):
        redactor = ruleset.redactor()
        left = [redactor.feed(before + secret[:cut]), redactor.feed(f"{secret[cut:]} and more"), redactor.finish()]
        assert ("".join(left), redactor.blocked) == (before, True)
        assert redactor.feed("later") == ""
        assert [(f.rule, f.action, f.start) for f in redactor.findings] == [(rule.id, "block", len(before))]


def test_no_secret_stands_in_the_rule_files_in_one_piece() -> None:
    """Push protection of code hosts would refuse the repository."""
    folder = Path(__file__).parents[2] / "synapse" / "dlp" / "rules"
    written = "\n".join(path.read_text() for path in folder.glob("*.toml"))
    secrets = [hit.text for rule in RULES if rule.category in {"secrets", "finance"} for hit in rule.hits]
    assert [secret for secret in secrets if len(secret) > 12 and secret in written] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_hostile_text_costs_a_rule_time_in_proportion_to_its_length(rule: Rule) -> None:
    """Four times the text, about four times the characters that the confirm pass reads."""
    ruleset = Ruleset.compile([rule], name="hostile")
    matchers = [
        matcher for some in (ruleset._acting, ruleset._alerts) for matcher in some[Side.PROMPT].matchers.values()
    ]
    for example in (rule.hits[0], rule.misses[0]):
        whole = example.before + example.text
        for seed in (whole, whole[:-1], whole[: len(whole) // 2 + 1], whole + " "):
            work = []
            for size in (10_000, 40_000):
                before = sum(matcher.looked_at for matcher in matchers)
                ruleset.scan((seed * (size // len(seed) + 1))[:size], Side.PROMPT)
                work.append(sum(matcher.looked_at for matcher in matchers) - before)
            assert work[1] <= 5 * work[0] + 1_000, (example.why, work)
            # Three a look, one for each retry, and some places of an example where another match could begin.
            assert work[1] <= 40_000 * 16 * len(matchers), (example.why, work)
