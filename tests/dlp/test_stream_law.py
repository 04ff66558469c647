"""The law of streams: however a text is cut, what leaves is the redaction of the whole, and never more than that."""

import random
import re
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import oracle
import pytest
from plain_engine import Cursor, PlainRedactor, Straddling, Tracker
from texts import Subject, cuts, subset_subjects, toy, toy_subjects

from synapse._dlp import EDGE, RETRIES
from synapse._dlp import Tracker as CompiledTracker
from synapse.dlp import Redactor, Rule, Ruleset, Side, other_numbers
from synapse.dlp.patterns import compile_cores

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


PLACEHOLDER = re.compile(rb"\[REDACTED:[a-z0-9_]+\]")
CLAIMED = re.compile(other_numbers.BETWEEN.encode())


def new_in_the_second(ruleset: Ruleset, text: str) -> list[tuple[str, bool]] | None:
    """None when a second redaction changes nothing; else what it finds, and whether a placeholder is the reason."""
    once = ruleset.scan(text, Side.ANSWER).redacted
    twice = ruleset.scan(once, Side.ANSWER)
    if twice.redacted == once:
        return None
    shadow, offsets = oracle.fold(once)
    found = [finding for finding in twice.findings if finding.action != "alert"]
    spans = [(offsets.index(finding.start), offsets.index(finding.end - 1) + 1) for finding in found]
    rules = {rule.id: rule for rule in ruleset.rules}
    return [
        (once[finding.start : finding.end], is_by_a_placeholder(rules[finding.rule], shadow, *span))
        for finding, span in zip(found, spans, strict=True)
    ]


def is_by_a_placeholder(rule: Rule, shadow: bytes, start: int, end: int) -> bool:
    """Whether what a placeholder replaced can have kept a match from being found that does not begin in one.

    It may have stood where a guard looks, have belonged to a longer match that was refused, have had another length
    than the placeholder that is in the match now, have stood before the name that a value is assigned to, or have ended
    in a word for numbers of another kind.
    """
    reach = max(end, start + max(core.pattern.widest for core in compile_cores([rule])))
    placeholders = [match.span() for match in PLACEHOLDER.finditer(shadow)]
    if any(first <= start < last for first, last in placeholders):
        return False
    return any(
        (start <= last and first <= reach)
        or (last < start and rule.assigned and all_names_begin_at(last, rule, shadow, start))
        or (last < start and rule.unclaimed and CLAIMED.fullmatch(shadow, last, start))
        for first, last in placeholders
    )


def all_names_begin_at(place: int, rule: Rule, shadow: bytes, start: int) -> bool:
    """Whether all names begin there that what begins at `start` is assigned to."""
    words = rule.context
    return oracle.is_assigned(words, shadow, place, start) and not oracle.is_assigned(words, shadow, place + 1, start)


def test_a_second_redaction_finds_only_what_the_first_one_has_uncovered() -> None:
    """I5: placeholders match no rule, and what stands apart from them is judged as before.

    It cannot be the same everywhere. A right guard is asked when nobody knows yet whether the match that begins behind
    it will be whole, so one that refuses what is then replaced sees a bracket the second time.
    """
    seed = time.time_ns()
    changed = 0
    for subject, text, _ in cases(subset_subjects(random.Random(seed), 4), 1_500, seed):
        found = new_in_the_second(subject.ruleset, text)
        assert not found or all(uncovered for _, uncovered in found), (seed, text, found)
        changed += found is not None
    # One in 5,000 of these texts, which are made of matches side by side; more with a rule such as that of telephones.
    assert changed <= 150, seed


REPLACED = toy("w", "a-a")
REFUSED = toy("y", "bb(?: a)?", validator="sum_is_even")
ASSIGNED = toy("y", (), core_with_context=("ccc",), context=("key",), assigned=True)


@pytest.mark.parametrize("glue", ["", "\u200b"], ids=["visible", "with an invisible sign"])
@pytest.mark.parametrize(
    ("rule", "text", "once", "twice"),
    [
        pytest.param(toy("y", "bb", left="a"), "a-a{}bb", "[w]{}bb", "[w]{}[y]", id="a guard to the left"),
        pytest.param(toy("y", "bb", right="a"), "bb{}a-a", "bb{}[w]", "[y]{}[w]", id="a guard to the right"),
        pytest.param(REFUSED, "bb {}a-a", "bb {}[w]", "[y] {}[w]", id="a longer match was refused"),
        pytest.param(toy("y", "b[^b]{5,90}b"), "b{}a-ab", "b{}[w]b", "[y]", id="a placeholder is longer"),
        pytest.param(ASSIGNED, "a-a{}key=ccc", "[w]{}key=ccc", "[w]{}key=[y]", id="the name of a value"),
    ],
)
@pytest.mark.usefixtures("toys")
def test_what_the_first_redaction_uncovers(rule: Rule, text: str, once: str, twice: str, glue: str) -> None:
    """The cases in which a second redaction is not the first again; the oracle and a stream agree on the first."""
    ruleset = Ruleset.compile([REPLACED, rule], name="twice")
    text, *expected = (re.sub(r"\[(.)\]", r"[REDACTED:\1]", form.format(glue)) for form in (text, once, twice))
    results = [ruleset.scan(text, Side.ANSWER).redacted]
    results += [ruleset.scan(results[0], Side.ANSWER).redacted]
    assert results == expected
    assert not mismatch(Subject(ruleset, (), (), 1), text, list(text))
    found = new_in_the_second(ruleset, text)
    assert found is not None
    assert [uncovered for _, uncovered in found] == [True]


@pytest.mark.parametrize(
    ("rule", "shadow", "match"),
    [
        pytest.param(toy("y", "REDACTED"), "[REDACTED:w]", "REDACTED", id="in a placeholder"),
        pytest.param(toy("y", r"\[RED"), "[REDACTED:w]", "[RED", id="the beginning of one"),
        pytest.param(toy("y", "w.?bb"), "[REDACTED:w]bb", "w]bb", id="it begins in a placeholder"),
        pytest.param(toy("y", "bb"), "[REDACTED:w] bb", "bb", id="behind one, apart"),
        pytest.param(toy("y", "bb"), "bb [REDACTED:w]", "bb", id="before one, apart"),
        pytest.param(ASSIGNED, "[REDACTED:key]=ccc", "ccc", id="the name of a rule is no name of a value"),
        pytest.param(ASSIGNED, "[REDACTED:w] key=ccc", "ccc", id="a name apart"),
    ],
)
def test_what_stands_apart_from_placeholders_or_is_in_one_is_not_uncovered(rule: Rule, shadow: str, match: str) -> None:
    start = shadow.index(match)
    assert not is_by_a_placeholder(rule, shadow.encode(), start, start + len(match))


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
