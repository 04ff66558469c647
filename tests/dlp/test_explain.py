"""What is said about a rule and a text: which condition fails where it nearly matches."""

from dataclasses import replace

import pytest

from synapse.dlp import Finding, Rule, Ruleset, Side, load_all_rules
from synapse.dlp.explain import CANDIDATES_MAX, Near, Scanned, near_matches, near_shape, validator_in_words
from synapse.dlp.rules import Example
from synapse.dlp.validators import VALIDATORS

EXAMPLES = (Example("-", "a toy"),)


def rule(name: str = "toy", **fields: object) -> Rule:
    toy = Rule(
        *(name, "own", "own", "high", "redact", "redact", "S", "https://example.org", EXAMPLES, EXAMPLES),
        core=(r"C-\d{6}",),
        left="0-9A-Za-z",
        right="0-9",
    )
    return replace(toy, **fields)  # type: ignore[arg-type]  # a test names fields as a rule's file does


def explained(text: str, *rules: Rule, side: Side = Side.PROMPT, off: dict[str, str] | None = None) -> list[Near]:
    ruleset = Ruleset.compile([one for one in rules if one.id not in (off or {})], name="toys")
    return near_matches(rules, Scanned(text, side, ruleset.scan(text, side).findings, off or {}))


def only_failure(text: str, *rules: Rule, side: Side = Side.PROMPT) -> tuple[str, str]:
    (near,) = [one for one in explained(text, *rules, side=side) if one.rule == "toy"]
    (failure,) = near.failures
    return failure.condition, failure.message


def test_a_match_has_its_place_in_code_points() -> None:
    assert explained("é\u0301 😀 C-123456.", rule()) == [Near("toy", 5, 13)]


def test_a_text_without_the_shape_is_near_nothing() -> None:
    assert explained("C-12345", rule()) == []


@pytest.mark.parametrize(
    ("text", "condition", "said"),
    [
        ("xC-123456", "left", "a letter stands directly to its left; none of [0-9 A-Z a-z] may"),
        ("C-1234567", "right", "a digit stands directly to its right; none of [0-9] may"),
    ],
)
def test_a_guard_says_what_stands_there(text: str, condition: str, said: str) -> None:
    assert only_failure(text, rule()) == (condition, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("C-123456", "none of its words begins within 64 signs to its left: customer, Kunde"),
        ("customer" + " " * 70 + "C-123456", "a word of its context begins 78 signs to its left; at most 64 count"),
        ("C-123456 customer", "a word of its context stands to its right; only what stands to its left counts"),
    ],
)
def test_a_missing_word_is_looked_for_elsewhere(text: str, said: str) -> None:
    in_context = rule(core=(), core_with_context=(r"C-\d{6}",), context=("customer", "Kunde"))

    condition, message = only_failure(text, in_context)

    assert condition == "context"
    assert said in message
    assert explained("Kunde C-123456", in_context)[0].matched


def test_an_assigned_value_needs_its_assignment() -> None:
    assigned = rule(core=(), core_with_context=(r"C-\d{6}",), context=("customer",), assigned=True)

    assert only_failure("the customer has C-123456", assigned)[0] == "assigned"
    assert explained("customer=C-123456", assigned)[0].matched


def test_what_stands_between_word_and_match_is_said() -> None:
    near = rule(core=(), core_with_context=(r"C-\d{6}",), context=("customer",), between="[ :]{0,2}")

    condition, message = only_failure("customer xx C-123456", near)

    assert condition == "between"
    assert "something else than 0 to 2 of [space :]" in message


def test_a_word_before_something_redacted_does_not_count() -> None:
    in_context = rule(core=(), core_with_context=(r"C-\d{6}",), context=("customer",))

    assert only_failure("customer [REDACTED:toy] C-123456", in_context) == (
        "context",
        "between a word of its context and the match something was redacted",
    )


def test_the_rest_of_a_longer_number_is_said() -> None:
    assert only_failure("12-123456", rule(core=(r"\d{6}",), apart=True))[0] == "apart"


@pytest.mark.parametrize(
    ("fields", "condition", "said"),
    [
        ({"core": (r"\d{16}",), "validator": "credit_card"}, "validator", "the check `credit_card` refuses it"),
        ({"core": (r"\d{16}",), "entropy": 3.5}, "entropy", "it has 1.00 bits of entropy in each sign; 3.5 are needed"),
        ({"core": (r"\d{16}",), "allow": ("^12", "^99")}, "allow", "its allowlist has it: `^12`"),
        ({"core": (r"test\d{16}",), "stop_words": ("TEST",)}, "stop_words", "it contains the stop word `TEST`"),
    ],
)
def test_a_check_says_what_it_found(fields: dict[str, object], condition: str, said: str) -> None:
    failed, message = only_failure("test" * ("stop_words" in fields) + "12" * 8, rule(**fields))

    assert failed == condition
    assert message.startswith(said)


def test_a_check_is_not_blamed_for_what_a_guard_refused() -> None:
    """A longer number fails every checksum of a shorter one, which says nothing."""
    near = explained("4111" * 5, rule(core=(r"\d{16}",), validator="credit_card", right="0-9"))

    assert {failure.condition for one in near for failure in one.failures} == {"right"}


def test_a_rule_that_is_off_is_said_to_be() -> None:
    off = rule(answer="off")

    assert only_failure("C-123456", off, side=Side.ANSWER) == ("off", "the rule is off for answers")
    assert explained("C-123456", off)[0].matched


def test_a_rule_that_was_not_asked_says_why() -> None:
    (near,) = explained("C-123456", rule(), off={"toy": "the policy lacks it"})

    assert [failure.message for failure in near.failures] == ["the policy lacks it"]


def test_a_match_behind_another_finding_names_it() -> None:
    blocking = rule("stronger", core=(r"C-\d{6}-\d",), prompt="block", right="")

    condition, message = only_failure("C-123456-7", rule(), blocking)

    assert condition == "hidden"
    assert "the finding of stronger (block)" in message


def test_of_places_that_overlap_the_one_that_lacks_least_is_told() -> None:
    several = rule(core=(r"C-\d{6}", r"C-\d{4}"))

    assert explained("C-123456", several) == [Near("toy", 0, 8)]


def test_matches_come_first() -> None:
    near = explained("C-1234567 and C-123456", rule())

    assert [one.matched for one in near] == [True, False]


def test_what_was_found_elsewhere_than_in_the_text_as_it_stands_is_told() -> None:
    """A decoded view has findings where the text has no such shape."""
    (finding,) = Ruleset.compile([rule()], name="toy").scan("C-123456", Side.PROMPT).findings
    scanned = Scanned("QzEyMzQ1Ng==", Side.PROMPT, [Finding(finding.rule, finding.category, finding.action, 0, 12)], {})

    assert near_matches([rule()], scanned) == [Near("toy", 0, 12)]


def test_a_text_full_of_near_matches_has_an_end() -> None:
    near = explained("xC-123456 " * (CANDIDATES_MAX + 10), rule())

    assert len(near) == CANDIDATES_MAX


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id C-1234x", "6 of at least 8 signs fit; then comes a letter, and not [0-9]"),
        ("id C-1234", "6 of at least 8 signs fit; then the text ends, and not [0-9]"),
    ],
)
def test_a_broken_shape_says_how_far_it_goes(text: str, said: str) -> None:
    near = near_shape(rule(), Scanned(text, Side.PROMPT, (), {}))

    assert near is not None
    assert (near.start, near.end) == (3, 9)
    assert near.failures[0].message == said


def test_a_shape_that_hardly_begins_is_not_told() -> None:
    assert near_shape(rule(), Scanned("C-1", Side.PROMPT, (), {})) is None


def test_a_broken_shape_is_told_of_choices_and_repeats() -> None:
    choice = rule(core=(r"(?:AB|ABC)(?:[ -]?\d{2}){2,3}X",), left="", right="")

    near = near_shape(choice, Scanned("ABC 12-3", Side.PROMPT, (), {}))

    assert near is not None
    assert near.failures[0].message == "8 of at least 7 signs fit; then the text ends, and not [0-9]"


@pytest.mark.parametrize("part", range(8))
def test_its_own_judgement_agrees_with_the_engine_on_every_rule(part: int) -> None:
    """Asked without the engine's findings, all conditions of a hit hold and some of a miss does not."""
    wrong = []
    for one in load_all_rules()[part::8]:
        on = replace(one, prompt="alert")
        # Not all examples: there are thousands.
        for example, is_hit in [*((hit, True) for hit in one.hits[:2]), *((miss, False) for miss in one.misses[:2])]:
            near = near_matches([on], Scanned(example.before + example.text, Side.PROMPT, (), {}))
            holds = [{failure.condition for failure in place.failures} == {"hidden"} for place in near]
            if any(holds) != is_hit:
                wrong.append((one.id, example.why))
    assert wrong == []


@pytest.mark.parametrize("name", VALIDATORS)
def test_every_check_says_what_it_asks_or_where_that_is_defined(name: str) -> None:
    assert validator_in_words(name)
