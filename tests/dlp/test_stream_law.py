"""The law of streams: however a text is cut, what leaves is the redaction of the whole, and never more than that."""

import random
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import oracle
import pytest
from plain_engine import Cursor, PlainRedactor, Straddling, Tracker
from texts import Subject, cuts, subset_subjects, toy_subjects

from synapse._dlp import EDGE, RETRIES
from synapse._dlp import Tracker as CompiledTracker
from synapse.dlp import Redactor, Side

# The gate: 10,000 cases in every run, each with a fresh text, cut and rule subset.
TOY_CASES = 7_000
RULE_CASES = 3_000
# The plain engine is the same algorithm where it can be read; a few cases show that it is.
PLAIN_CASES = 1_500


@pytest.fixture(scope="module")
def toys() -> list[Subject]:
    return toy_subjects()


Stream = Callable[[Subject], Any]


def compiled(subject: Subject) -> Redactor:
    return subject.ruleset.redactor()


def plain(subject: Subject) -> PlainRedactor:
    return PlainRedactor(subject.ruleset.rules)


ENGINES = [pytest.param(compiled, id="compiled"), pytest.param(plain, id="plain")]


def mismatch(subject: Subject, text: str, deltas: Sequence[str], engine: Stream = compiled) -> str:
    """What the stream does wrong, if anything: more left than may, a leak at the end, other findings."""
    delivered, findings, blocked = oracle.redact(subject.ruleset.rules, text)
    stream = engine(subject)
    left = ""
    for delta in deltas:
        left += stream.feed(delta)
        if not delivered.startswith(left):
            return f"{left!r} left, of {delivered!r}"
    left += stream.finish()
    if (left, stream.findings, stream.blocked) != (delivered, findings, blocked):
        return f"{left!r} {stream.findings} {stream.blocked}, expected {delivered!r} {findings} {blocked}"
    return ""


def cases(subjects: Sequence[Subject], number: int, seed: int) -> Any:
    chance = random.Random(seed)
    for _ in range(number):
        subject = chance.choice(subjects)
        text = subject.text(chance)
        yield subject, text, list(cuts(chance, text))


@pytest.mark.parametrize(("engine", "number"), [(compiled, TOY_CASES), (plain, PLAIN_CASES)])
def test_any_cut_of_a_text_full_of_near_matches_gives_the_redaction_of_the_whole(
    toys: list[Subject], engine: Stream, number: int
) -> None:
    """I1, I2: randomised over text, cut and rules; a failure prints the seed."""
    seed = time.time_ns()
    for subject, text, deltas in cases(toys, number, seed):
        assert not (wrong := mismatch(subject, text, deltas, engine)), (seed, deltas, wrong)


def test_any_cut_gives_the_redaction_of_the_whole_with_subsets_of_the_real_rules() -> None:
    """I1, I2, I8: pieces of hits and misses, look-alikes, invisible signs and lone surrogates between them."""
    seed = time.time_ns()
    subjects = subset_subjects(random.Random(seed), 6)
    for subject, text, deltas in cases(subjects, RULE_CASES, seed):
        assert not (wrong := mismatch(subject, text, deltas)), (seed, deltas, wrong)


def test_a_whole_answer_gives_what_a_stream_gives(toys: list[Subject]) -> None:
    """`redact_answer` is the same engine fed once; the oracle agrees with both."""
    seed = time.time_ns()
    for subject, text, _ in cases(toys, 2_000, seed):
        delivered, findings, blocked = oracle.redact(subject.ruleset.rules, text)
        assert subject.ruleset.redact_answer(text) == (delivered, tuple(findings), blocked), (seed, text)


def test_redacting_twice_changes_nothing(toys: list[Subject]) -> None:
    """I5: placeholders match no rule, and guards agree on both sides of what is replaced."""
    seed = time.time_ns()
    chance = random.Random(seed)
    subjects = subset_subjects(chance, 4)
    for subject, text, _ in cases(subjects, 1_500, seed):
        once = subject.ruleset.scan(text, Side.ANSWER).redacted
        assert subject.ruleset.scan(once, Side.ANSWER).redacted == once, (seed, text)


def test_nothing_that_a_match_reaches_across_is_decided_before_it(toys: list[Subject]) -> None:
    """I3: wherever a text is cut inside a match, the frontier there is at or before its beginning. I4: it is near."""
    seed = time.time_ns()
    for subject, text, _ in cases(toys, 1_000, seed):
        detector = subject.ruleset._acting[Side.ANSWER]
        shadow, _offsets = oracle.fold(text)
        matches = CompiledTracker(detector).feed(shadow, final=True)
        tracker = CompiledTracker(detector)
        for place in range(len(shadow)):
            tracker.feed(shadow[place : place + 1])
            crossed = [match.start for match in matches if match.start < place + 1 < match.core_end]
            assert all(tracker.decided <= start for start in crossed), (seed, text, place)
            assert place + 1 - tracker.decided <= detector.widest * (RETRIES + 2), (seed, text, place)


class Blind(Straddling):
    def add(self, candidate: Cursor) -> None:
        pass


class NoStraddleClosure(Tracker):
    def _straddling(self) -> Straddling:
        return Blind()


class AcceptedOnly(Straddling):
    def add(self, candidate: Cursor) -> None:
        if candidate.accepted:
            super().add(candidate)


class RejectedCandidatesIgnored(Tracker):
    def _straddling(self) -> Straddling:
        return AcceptedOnly()


class Forgetful(Straddling):
    def add(self, candidate: Cursor) -> None:
        self._start, self._end = candidate.start, candidate.end


class OverlapsForgotten(Tracker):
    def _straddling(self) -> Straddling:
        return Forgetful()


class LiveStartOffByOne(Tracker):
    def _live_start(self, window: bytes, start: int) -> int:
        return min(super()._live_start(window, start) + 1, len(window))


class NoLeftContext(Tracker):
    def _kept(self, left: bytes) -> bytes:
        return EDGE


class ContextTooShort(Tracker):
    def _kept(self, left: bytes) -> bytes:
        return left[-1:]


class ReachTooShort(Tracker):
    def _live_start(self, window: bytes, start: int) -> int:
        return max(super()._live_start(window, start), len(window) - 2)


@pytest.mark.parametrize(
    "mutation",
    [
        NoStraddleClosure,
        RejectedCandidatesIgnored,
        OverlapsForgotten,
        LiveStartOffByOne,
        NoLeftContext,
        ContextTooShort,
        ReachTooShort,
    ],
)
def test_the_property_notices_a_broken_engine(toys: list[Subject], mutation: type[Tracker]) -> None:
    """Each of the mistakes that this algorithm invites makes the property fail within a fraction of its cases."""

    def broken(subject: Subject) -> PlainRedactor:
        return PlainRedactor(subject.ruleset.rules, mutation)

    noticed = (case for case in cases(toys, TOY_CASES, seed=1) if mismatch(*case, broken))
    assert len(list(islice(noticed, 3))) == 3
