"""The worst that a text can do: for every rule 100 KB made against it, through whole policies.

`python -m benchmarks.dlp_worst [RULE …]`. Each text is of one rule's own making: its examples repeated with and without
separators, cut short, as near misses, its context words alone and between near misses, and the shapes that are
expensive for all. The figure is CPU of one scan; `growth` is its time for 100 KB over that for 25 KB, 4 when linear.
"""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synapse.dlp import Rule, Ruleset, Side, load_all_rules, load_default_rules

from .timing import best_us

SIZE = 100_000
GATE_MS = 50.0
GROWTH_MAX = 6.0
SHOWN = 10
# A faster text is not measured again, and its growth would be noise.
_AGAIN_FROM_MS = 15.0

COMMON = {
    "password=": "password=",
    "password: ": "password: ",
    "figures": "4",
    "groups of figures": "4111 ",
    "hexadecimal": "0123456789abcdef",
    "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo/",
    "dots": "1.1.1.1.",
    "at signs": "a@a.",
    "capitals": "AB12 ",
    "quotes": '"key": "',
}


@dataclass(frozen=True, slots=True)
class Worst:
    policy: str
    ms: float
    growth: float
    rule: str
    text: str  # what it was made of, in words

    @property
    def over(self) -> bool:
        return self.ms > GATE_MS or self.growth > GROWTH_MAX


def filled(seed: str, size: int = SIZE) -> str:
    return (seed * (size // len(seed) + 1))[:size]


def seeds(rule: Rule, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Texts of one rule to repeat, each with a name that says how to make it again."""
    for kind, examples in (("hit", rule.hits), ("miss", rule.misses)):
        for number, example in enumerate(examples[:3]):
            whole = example.before + example.text
            if not whole:
                continue
            name = f"{kind} {number}"
            yield f"{name} + blank", whole + " "
            yield name, whole
            if number:
                continue
            yield f"{name} without its last character", whole[:-1] or whole
            yield f"{name} without its last character + blank", (whole[:-1] or whole) + " "
            yield f"its first half of {name}", whole[: len(whole) // 2 + 1]
            yield f"its first half of {name} + line feed", whole[: len(whole) // 2 + 1] + "\n"
            changed = _with_an_error(whole, chance)
            yield f"{name} with an error", changed + " "
    if rule.context:
        words = [word.replace("*", "") for word in rule.context]
        near = _with_an_error(rule.hits[0].text, chance)
        yield "its context words", " ".join(words) + " "
        yield "context words = ", "".join(f"{word}= " for word in words)
        yield "context words between near misses", " ".join(f"{word}: {near}" for word in words) + " "
        yield "context words between hits", " ".join(f"{word} {rule.hits[0].text}" for word in words) + " "


def _with_an_error(text: str, chance: random.Random) -> str:
    figures = [place for place, character in enumerate(text) if character.isdigit()] or range(len(text))
    place = chance.choice(list(figures))
    return text[:place] + ("7" if text[place] != "7" else "3") + text[place + 1 :]


def worst_of(policies: Sequence[Ruleset], rules: Sequence[Rule]) -> Iterator[Worst]:
    """The worst text of each rule on each policy, and the texts that are of no rule."""
    yield from (measured(policy, filled(seed), "every rule", name) for policy in policies
                for name, seed in COMMON.items())  # fmt: skip
    for rule in rules:
        texts = {name: filled(seed) for name, seed in seeds(rule, random.Random(rule.id))}
        for policy in policies:
            # A quarter tells which of them is the worst.
            quarters = {name: _scan_ms(policy, text[: SIZE // 4], rounds=1) for name, text in texts.items()}
            name = max(quarters, key=quarters.__getitem__)
            yield measured(policy, texts[name], rule.id, name)


def measured(policy: Ruleset, text: str, rule: str, name: str) -> Worst:
    ms = _scan_ms(policy, text, rounds=1)
    if ms < _AGAIN_FROM_MS:
        return Worst(policy.name, ms, 0.0, rule, name)
    ms = min(ms, _scan_ms(policy, text, rounds=3))
    quarter = _scan_ms(policy, text[: SIZE // 4], rounds=5)
    return Worst(policy.name, ms, ms / quarter, rule, name)


def _scan_ms(ruleset: Ruleset, text: str, *, rounds: int) -> float:
    return best_us(lambda: ruleset.scan(text, Side.PROMPT), 1000, rounds=rounds)


def policies(all_rules: Sequence[Rule]) -> list[Ruleset]:
    return [
        Ruleset.compile(load_default_rules(), name="default"),
        Ruleset.compile(all_rules, name="all packs"),
    ]


def report(worst: Sequence[Worst], number: int = SHOWN) -> None:
    over = [one for one in worst if one.over]
    print(f"{'policy':12}{'ms/100 KB':>10}{'growth':>8}  rule: text")
    for one in sorted(worst, key=lambda one: -one.ms)[: max(number, len(over))]:
        growth = f"{one.growth:8.1f}" if one.growth else "        "
        mark = "  <- over the gate" if one.over else ""
        print(f"{one.policy:12}{one.ms:10.1f}{growth}  {one.rule}: {one.text}{mark}")
    print(f"{len(over)} over {GATE_MS:.0f} ms or more than linear")


def main(names: Sequence[str] = ()) -> None:
    rules = load_all_rules()
    chosen = [rule for rule in rules if not names or rule.id in names]
    begin = time.process_time()
    worst = []
    for one in worst_of(policies(rules), chosen):
        worst.append(one)
        if one.over:
            print(f"over: {one.policy} {one.ms:.1f} ms, growth {one.growth:.1f}, {one.rule}: {one.text}", flush=True)
    print(f"{len(chosen)} rules, {time.process_time() - begin:.0f} s of CPU")
    report(worst)


if __name__ == "__main__":
    main(sys.argv[1:])
