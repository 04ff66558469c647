"""The secrets pack on texts that its rules were not written from: found, found whole, and nothing else found."""

import time
from collections.abc import Sequence

import pytest
from corpora.secret_texts import negatives, positives

from synapse.dlp import Ruleset, Side, load_default_rules
from synapse.dlp.findings import Finding

PACK = [rule for rule in load_default_rules() if rule.pack == "secrets"]


@pytest.fixture(scope="module")
def secrets() -> Ruleset:
    return Ruleset.compile(PACK, name="secrets")


def _findings(ruleset: Ruleset, text: str) -> Sequence[Finding]:
    return ruleset.scan(text, Side.PROMPT).findings


def test_there_are_rules_for_at_least_150_kinds_of_secrets() -> None:
    assert len({rule.id for rule in PACK}) >= 150


def test_secrets_are_found_and_found_whole(secrets: Ruleset) -> None:
    """Recall at least 0.97 and exact places at least 0.95, over all; no format is missed mostly."""
    found: dict[str, list[bool]] = {}
    exact = []
    for secret in positives():
        spans = [(finding.start, finding.end) for finding in _findings(secrets, secret.text)]
        found.setdefault(secret.kind, []).append(any(s < secret.end and secret.start < e for s, e in spans))
        exact.append((secret.start, secret.end) in spans)
    every = [hit for hits in found.values() for hit in hits]
    assert len(every) >= 900
    assert sum(every) / len(every) >= 0.97
    assert sum(exact) / len(exact) >= 0.95
    assert [kind for kind, hits in found.items() if sum(hits) * 2 < len(hits)] == []


def test_what_only_looks_like_a_secret_is_left_alone(secrets: Ruleset) -> None:
    """At most 1 % of hashes, identifiers, placeholders, references and code."""
    texts = negatives()
    assert len(texts) >= 300
    fired = [text for text in texts if _findings(secrets, text)]
    assert len(fired) <= len(texts) / 100, fired


@pytest.mark.parametrize("letters", ["ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "ABcdEFghIJklMNop"])
def test_a_long_run_of_letters_is_not_parted_in_every_way(secrets: Ruleset, letters: str) -> None:
    """A prompt of fifty characters must not keep a worker busy for seconds, nor one of a hundred for ever."""
    text = "api_key = " + (letters * 3)[:34] + "1234a5B"
    began_s = time.thread_time()
    assert _findings(secrets, text) != []
    assert time.thread_time() - began_s < 0.5
