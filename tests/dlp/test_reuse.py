"""What is derived from a core, a word or a context is kept; what is compiled is the same as if nothing were known."""

import gc
import random
from dataclasses import replace
from typing import Any

import pytest

from synapse.dlp import (
    Rule,
    RuleError,
    Ruleset,
    Side,
    language,
    live,
    load_all_rules,
    patterns,
    positions,
    programs,
    shapes,
    surroundings,
)
from synapse.dlp import context as context_module
from synapse.dlp.compilation import compile_rules

# Each keeps what it has been asked for, by the text that decides it.
KEPT: tuple[Any, ...] = (
    language.parse,
    patterns._form,
    patterns._trigger,
    patterns._beginnings,
    live._positions,
    live._table,
    positions.bitmap,
    shapes._positions,
    patterns._shape,
    patterns._figures,
    language.render,
    language.char_class,
    patterns._compile_run,
    context_module.sought,
)


def forget() -> None:
    for function in KEPT:
        function.cache_clear()


@pytest.fixture(scope="module")
def rules() -> list[Rule]:
    return load_all_rules()


def own(core: str = "", **changed: Any) -> Rule:
    rule = Rule(
        id="own",
        category="test",
        pack="own",
        severity="high",
        prompt="redact",
        answer="redact",
        strength="S",
        reference="https://example.org",
        hits=(),
        misses=(),
        core=(core,) if core else (),
    )
    return replace(rule, **changed)


def behind_words(**changed: Any) -> Rule:
    return own(**{"core_with_context": ("[0-9]{6}",), "context": ("badge",), "left": "0-9", "right": "0-9", **changed})


def finds(rule: Rule, text: str) -> bool:
    return bool(Ruleset.compile([rule], name="x").scan(text, Side.PROMPT).findings)


def test_what_is_known_changes_nothing_about_what_is_compiled(rules: list[Rule]) -> None:
    """Whatever was compiled before, in whatever order and under whatever guards."""
    chance = random.Random(11)
    for _ in range(4):
        some = chance.sample(rules, 60)
        guarded = [
            replace(rule, left="0-9", right="") if chance.random() < 0.3 and not rule.run else rule for rule in some
        ]
        compile_rules(tuple(guarded), database=lambda _: b"")
        known = Ruleset.compile(some, name="x", apart={some[0].id}).dumps()
        forget()
        assert Ruleset.compile(some, name="x", apart={some[0].id}).dumps() == known


def test_a_changed_rule_is_compiled_anew_and_the_others_are_not(rules: list[Rule]) -> None:
    tried = {rule.id for rule in rules}
    compile_rules((*rules, own("Zephyr")), tried=tried, database=lambda _: b"")
    before = [function.cache_info().misses for function in KEPT]
    changed = compile_rules((*rules, own("Boreas")), tried=tried, database=lambda _: b"")
    new = [function.cache_info().misses - known for function, known in zip(KEPT, before, strict=True)]
    # Its text, what it comes to between its guards, its trigger, its positions. Nothing of it is a bitmap or a word
    # that another rule has not, and it has no context.
    assert new[:3] == [1, 1, 1]
    assert new[4] == 1
    assert sum(new) <= 4 + len(set("Boreas"))
    (pattern,) = (pattern for pattern in changed.patterns if pattern.rule.id == "own")
    assert pattern.widest == len("Boreas")


@pytest.mark.parametrize(
    ("text", "rule", "other"),
    [
        ("Zephyr", own("Zephyr"), own("Boreas")),
        ("aZephyr", own("Zephyr"), own("Zephyr", left="a-z")),
        ("Zephyrs", own("Zephyr"), own("Zephyr", right="a-z")),
        ("badge no. 123456", behind_words(), behind_words(context=("ticket",))),
        ("badge no. 123456", behind_words(), behind_words(assigned=True)),
        ("badge no. 123456", behind_words(), behind_words(between=" ")),
        ("badge 123456", behind_words(between=" "), behind_words(between="-")),
    ],
)
def test_each_word_of_a_rule_counts(text: str, rule: Rule, other: Rule) -> None:
    for _ in range(2):
        assert finds(rule, text)
        assert not finds(other, text)


def test_what_could_not_be_compiled_still_cannot() -> None:
    for _ in range(2):
        with pytest.raises(RuleError, match="look-around"):
            Ruleset.compile([own("(?=a)a")], name="x")
        with pytest.raises(RuleError, match="cannot be used"):
            Ruleset.compile([behind_words(context=("a*b",))], name="x")


def test_rulesets_share_their_expressions_as_long_as_they_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of a policy no request waits for what was compiled before; what nobody has any more is gone."""
    text, words = "badge no. 123456", ("badge", "Zephyr's badge")
    written: list[object] = []

    def context_source(context: tuple[str, ...], between: str) -> bytes:
        written.append(context)
        return context_module.context_source(context, between)

    monkeypatch.setattr(surroundings, "context_source", context_source)
    gc.collect()
    before = len(programs._shared)
    one = Ruleset.compile([behind_words(context=words)], name="x", tried={"own"})
    assert one.scan(text, Side.PROMPT).findings
    other = Ruleset.compile([own("Zephyr"), behind_words(id="b", context=words)], name="y", tried={"b"})
    assert other.scan(text, Side.PROMPT).findings
    assert written == [words]

    del one, other
    gc.collect()
    assert len(programs._shared) == before


def test_equal_tables_are_one_automaton_as_long_as_somebody_has_it(rules: list[Rule]) -> None:
    """What texts have taught it stays after a change; that of a changed rule is another one."""
    some = [rule for rule in rules if rule.pack == "us-health"]
    gc.collect()
    before = len(live._shared)

    def automata(extra: Rule) -> list[Any]:
        groups = compile_rules((*some, extra), database=lambda _: b"").automata()
        return [automaton for group in groups.values() for automaton in group]

    one, same, other = automata(own("Zephyr")), automata(own("Zephyr")), automata(own("Boreas"))
    assert one
    assert all(first is second for first, second in zip(one, same, strict=True))
    assert any(first is not second for first, second in zip(one, other, strict=True))
    assert len({id(automaton) for automaton in one}) < len(one), "prompts and answers have the same"
    del one, same, other
    gc.collect()
    assert len(live._shared) == before
