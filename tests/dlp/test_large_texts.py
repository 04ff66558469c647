"""Large texts full of triggers: what is kept of them is small, and still enough to find everything."""

import random
import time
import tracemalloc
from array import array
from itertools import pairwise
from typing import Any

import pytest
from texts import toy

from synapse._dlp import Detector, collect
from synapse.dlp import Ruleset, Side

CARD = "4111 1111" + " 1111 1111"
SIZE = 60_000


def stretches(ends: list[int]) -> list[tuple[int, int]]:
    found: dict[int, array[int]] = {}
    for end in ends:
        collect(7, 0, end, 0, found)
    return list(zip(found[7][::2], found[7][1::2], strict=True))


def test_ends_close_to_each_other_are_one_stretch() -> None:
    assert stretches([5]) == [(5, 5)]
    assert stretches([5, 6, 6, 38, 71, 200, 210]) == [(5, 38), (71, 71), (200, 210)]
    assert stretches(list(range(100_000))) == [(0, 99_999)]


def test_ends_in_any_order_are_covered_by_stretches_in_order() -> None:
    """The matcher promises no order, though it keeps one."""
    chance = random.Random(12)
    for _ in range(300):
        ends = [chance.randrange(2_000) for _ in range(chance.randint(1, 40))]
        found = stretches(ends)
        assert all(any(first <= end <= last for first, last in found) for end in ends)
        assert all(first <= last for first, last in found)
        assert all(before[1] < after[0] for before, after in pairwise(found))


@pytest.mark.parametrize("seed", ["4", "4 ", "4\0", "4\t", "a@", "1.", "GB82 WEST 1234 5698 7654 33 ", "eyJ"])
def test_a_text_full_of_triggers_takes_memory_in_proportion_to_its_length(ruleset: Ruleset, seed: str) -> None:
    """Eight bytes for each character at most, copies of the text included; in one piece or in two."""
    text = (seed * SIZE)[:SIZE]
    ruleset.scan(text[:1_000], Side.PROMPT)
    for texts in ([text], [text[: SIZE // 2], text[SIZE // 2 :]]):
        tracemalloc.start()
        try:
            ruleset.scan_many(texts, Side.PROMPT)
            assert tracemalloc.get_traced_memory()[1] < 8 * SIZE
        finally:
            tracemalloc.stop()


def test_a_match_is_found_in_the_middle_of_triggers(ruleset: Ruleset) -> None:
    """Wherever it stands among them, and across the places where one look ends and the next begins."""
    for start in range(1_000, 1_100):
        text = f"{'4' * start} {CARD} {'4' * 1_000}"
        assert [(f.start, f.end) for f in ruleset.scan(text, Side.PROMPT).findings] == [(start + 1, start + 20)]


def test_triggers_on_both_sides_of_an_edge_between_texts_belong_to_each(ruleset: Ruleset) -> None:
    texts = ["4" * 40, "", CARD, "", "", f"4 {CARD}", "4" * 20, "no", CARD]
    found = [[f.start for f in scan.findings] for scan in ruleset.scan_many(texts, Side.PROMPT)]
    assert found == [[], [], [0], [], [], [2], [], [], [0]]


def test_no_stretch_before_a_match_hides_it() -> None:
    """Near matches, dense and sparse, in front of a real one."""
    ruleset = Ruleset.compile([toy("t", "ab[0-9]{1,40}c")], name="dense")
    chance = random.Random(13)
    for _ in range(200):
        noise = "".join(chance.choice(("ab", "ab1", "1" * 39, ".", "c")) for _ in range(60))
        expected = ruleset.scan(f"{noise}.", Side.PROMPT).findings
        findings = ruleset.scan(f"{noise}.ab12c", Side.PROMPT).findings
        assert findings[:-1] == expected
        assert findings[-1].start == len(noise) + 1


def test_a_whole_answer_full_of_matches_costs_little_more_than_its_scan(ruleset: Ruleset) -> None:
    """What has left is not copied with every match: that would be seven times the scan here, and more with length."""
    text = "a@b.co " * 100_000
    before = time.process_time()
    expected = ruleset.scan(text, Side.ANSWER).redacted
    scanned = time.process_time()
    delivered, findings, _ = ruleset.redact_answer(text)
    assert (delivered, len(findings)) == (expected, 100_000)
    assert time.process_time() - scanned < 3 * (scanned - before)


def test_a_whole_answer_is_scanned_once(ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned = []

    def counted(window: bytes) -> Any:
        scanned.append(window)
        return ruleset._scanner(window)

    def never(window: bytes) -> Any:
        raise AssertionError("it was scanned already")

    view = ruleset.only(lambda _: True)
    monkeypatch.setattr(view, "_scanner", counted)
    for detectors in (view._acting, view._alerts):
        own = detectors[Side.ANSWER]
        detectors[Side.ANSWER] = Detector(own.matchers.values(), lives=[], scan=never, left_chars=own.left_chars)
    delivered, findings, _ = view.redact_answer(f"10.0.0.1 {CARD} 10.0.0.2")
    assert delivered == "10.0.0.1 [REDACTED:credit_card] 10.0.0.2"
    assert [f.rule for f in findings] == ["ipv4", "credit_card", "ipv4"]
    assert len(scanned) == 1


def test_many_alerts_beside_many_redactions_cost_time_in_proportion(ruleset: Ruleset) -> None:
    """Each alert looks for what overlaps it among its neighbours, not among all: four times as many, not sixteen."""
    times = []
    for number in (2_000, 8_000):
        rounds = []
        for _ in range(3):
            before = time.process_time()
            assert len(ruleset.scan("a@b.co 1.1.1.1 " * number, Side.PROMPT).findings) == 2 * number
            rounds.append(time.process_time() - before)
        times.append(min(rounds))
    assert times[1] < 9 * times[0]
