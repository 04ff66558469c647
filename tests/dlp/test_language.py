"""Cores: what is refused, and why; triggers are what they claim to be."""

import re
from dataclasses import replace

import pytest
from texts import toy

from synapse.dlp import RuleError, Ruleset, check_rules, load_default_rules, load_rules
from synapse.dlp.language import PatternError, forward, parse
from synapse.dlp.patterns import compile_cores
from synapse.dlp.triggers import trigger


@pytest.mark.parametrize(
    ("core", "reason", "rewrite"),
    [
        (r"\bword\b", "anchor", "left"),
        (r"^a", "anchor", "left"),
        (r"a(?=b)", "look-around", "guards"),
        (r"(?<!a)b", "look-around", "guards"),
        (r"(a)\1", "back-reference", "alternatives"),
        (r"(?>ab)c", "atomic", "ordinary group"),
        (r"a++b", "possessive", "ordinary repeat"),
        (r"a+?b", "lazy", "greedy"),
        (r"a+", "unbounded", "bound it"),
        (r"a{1,3000}", "3000", "2048"),
        (r"a?", "empty", "obligatory"),
        (r"(?:a?|b){24,25}c", "repeats what may be empty", "obligatory"),
        (r"(?i)a", "flag", "[Aa]"),
        (r"(?i:a)b", "flag", "[Aa]"),
        ("ключ", "ASCII", "look-alikes"),  # Cyrillic on purpose
        (r"a(", "not a regular expression", ""),
    ],
)
def test_what_would_not_be_exact_is_refused_with_a_rewrite(core: str, reason: str, rewrite: str) -> None:
    with pytest.raises(PatternError) as error:
        parse(core)
    assert reason in str(error.value)
    assert rewrite in str(error.value)


@pytest.mark.parametrize("rule", load_default_rules(), ids=lambda rule: rule.id)
def test_every_hit_contains_the_trigger_of_its_core(rule: object) -> None:
    for compiled in compile_cores([rule]):
        looked_for = re.compile(forward(trigger(compiled.node).node).encode())
        for hit in rule.hits:
            core = re.search(compiled.pattern.guarded.encode(), hit.text.encode())
            assert core is None or looked_for.search(core.group())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"core": "a("}, "not a regular expression"),
        ({"left": "a]b[c"}, "inside of a character class"),
        ({"left": r"\s"}, "line feed"),
        ({"until": "b"}, "without `run`"),
        ({"run": "a", "right": "b"}, "leave it out"),
        ({"run": "a", "until": "b"}, "not in `run`"),
        ({"hits": replace(toy("t", "a").hits[0], text="b")}, "whole hit"),
        ({"misses": replace(toy("t", "a").misses[0], text="xaaa")}, "matches in a miss"),
        ({"core": "RED[A-Z]{5}"}, "placeholder"),
    ],
)
def test_a_problem_names_its_rule_and_the_cure(fields: dict[str, object], message: str) -> None:
    fields = {key: (value,) if key in {"core", "hits", "misses"} else value for key, value in fields.items()}
    rule = replace(toy("broken", "a{3}"), **fields)
    problems = [problem for problem in check_rules([rule]) if message in problem.message]
    assert [problem.rule for problem in problems] == ["broken"]


def test_a_rule_that_does_not_compile_rejects_the_ruleset() -> None:
    with pytest.raises(RuleError, match="rule broken: it contains an unbounded repeat"):
        Ruleset.compile([toy("fine", "a"), toy("broken", "a+")], name="new")


def test_two_rules_of_one_name_are_a_problem() -> None:
    problems = check_rules([toy("same", "a"), toy("same", "b")])
    assert [p.rule for p in problems if "two rules" in p.message] == ["same"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('colour = "red"', "unknown key colour"),
        ('action = "block"', "unknown key action"),
        ('severity = "huge"', "severity is 'huge'; it must be one of: critical, high, medium, low"),
        ('prompt = "delete"', "prompt is 'delete'"),
        ('validator = "none"', "validator is 'none'"),
        ("hits = []", "no hits or no misses"),
        ('hits = [{ text = "a" }]', "a reason"),
        ("", "misses is missing"),
    ],
)
def test_a_rule_file_that_makes_no_sense_is_refused(change: str, message: str) -> None:
    lines = {
        "id": 'id = "t"', "pack": 'pack = "core"', "severity": 'severity = "low"', "prompt": 'prompt = "alert"',
        "answer": 'answer = "alert"', "core": 'core = "a"', "strength": 'strength = "S"',
        "reference": 'reference = "-"',
        "hits": 'hits = [{ text = ["a", "a"], why = "two" }]', "misses": 'misses = [{ text = "b", why = "other" }]',
    }  # fmt: skip
    if change:
        lines[change.split(" ", maxsplit=1)[0]] = change
    else:
        del lines["misses"]
    with pytest.raises(RuleError, match=re.escape(message)):
        load_rules('category = "c"\n[[rule]]\n' + "\n".join(lines.values()))
