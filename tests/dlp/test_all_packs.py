"""All packs at once: what a policy with everything switched on gives whole, it gives cut anywhere."""

import random
import time
from dataclasses import replace

import pytest

from synapse.dlp import Ruleset, Side, load_all_rules

RULES = load_all_rules()


@pytest.fixture(scope="module")
def acting() -> Ruleset:
    """All rules act on answers, so that alert rules prove their streams too."""
    return Ruleset.compile([replace(rule, answer="redact", prompt="alert") for rule in RULES], name="acting")


@pytest.mark.timeout(300)
def test_every_hit_of_every_pack_is_found_by_its_rule_or_lies_in_what_another_found(acting: Ruleset) -> None:
    missed = []
    for rule in RULES:
        for hit in rule.hits:
            start, end = len(hit.before), len(hit.before) + len(hit.text)
            findings = acting.scan(hit.before + hit.text, Side.PROMPT).findings
            if not any(found.start < end and start < found.end for found in findings):
                missed.append((rule.id, hit.why))
    assert missed == []


# What these find may have any sign in it, a full stop too, or has no end of its own.
ENDS_ANYWHERE = {
    *("connection_string", "snowflake_password", "nuget_password", "curl_user", "netrc_password", "sshpass_password"),
    *("wordpress_salt", "bearer_token", "microsoft_graph_refresh_token", "dotenv_vault_key"),
}


@pytest.mark.timeout(300)
def test_the_full_stop_of_a_sentence_is_no_part_of_what_was_found(acting: Ruleset) -> None:
    taken = []
    for rule in RULES:
        for hit in rule.hits:
            end = len(hit.before) + len(hit.text)
            findings = acting.scan(f"{hit.before}{hit.text}. Thanks", Side.PROMPT).findings
            if rule.id not in ENDS_ANYWHERE and end not in {found.end for found in findings}:
                taken.append((rule.id, hit.why))
    assert taken == []


@pytest.mark.timeout(300)
def test_every_hit_of_every_pack_is_redacted_alike_whole_and_cut_anywhere(acting: Ruleset) -> None:
    """Once at every place, and in two or three pieces at random ones; a failure prints the seed."""
    seed = time.time_ns()
    chance = random.Random(seed)
    for rule in RULES:
        for hit in rule.hits:
            text = f"I found this: {hit.before}{hit.text} in the file."
            delivered, findings, _ = acting.redact_answer(text)
            places = sorted(chance.choices(range(len(text) + 1), k=2))
            for deltas in (list(text), [text[: places[0]], text[places[0] : places[1]], text[places[1] :]]):
                redactor = acting.redactor()
                left = "".join(map(redactor.feed, deltas)) + redactor.finish()
                assert (left, tuple(redactor.findings)) == (delivered, findings), (seed, rule.id, hit.why)
