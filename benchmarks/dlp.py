"""What the DLP engine costs: µs per KB of prompts, µs per delta of streams. Run: .venv/bin/python benchmarks/dlp.py

On varied text only: a text that repeats flatters every engine with a lazy automaton. The yardstick of the same run is
Python's `re` with all cores in one alternation, without validators. Read the figures as ratios.
"""

import gc
import platform
import random
import re
import time
from collections.abc import Callable, Sequence
from importlib import metadata

from synapse.dlp import Ruleset, Side, load_default_rules

WORDS = """
the of and to in is that for it with as was on be at by this have from or had not are but what all were when we
there can an your which their said if do will each about how up out them then she many some so these would other
into has more her two like him see time could no make than first been its who now people my made over did down only
way find use may water long little very after words called just where most know get through back much before go good
new write our used me man too any day same right look think also around another came come work three word must
because does part even place well such here take why things help put years different away again off went old number
great tell men function return value request server model token error response configuration database customer
invoice delivery
""".split()
ROUNDS = 7


def prose(chance: random.Random, size: int) -> str:
    words: list[str] = []
    length = 0
    while length < size:
        word = _word(chance)
        words.append(word)
        length += len(word) + 1
    return " ".join(words)[:size]


def _word(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.03:
        return f"{chance.randint(1, 5000)}"
    if kind < 0.036:
        return f"20{chance.randint(10, 29)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    word = chance.choice(WORDS)
    if kind < 0.1:
        return word + chance.choice(",.;:?!")
    return word.capitalize() if kind < 0.2 else word


def with_personal_data(chance: random.Random, size: int, secrets: Sequence[str]) -> str:
    """Three matches in each KB."""
    text = prose(chance, size)
    for _ in range(3 * size // 1024):
        place = chance.randrange(len(text))
        text = f"{text[:place]} {chance.choice(secrets)} {text[place:]}"
    return text[: size + 200]


def best_us(run: Callable[[], object], number: int) -> float:
    """The fastest of some rounds: everything slower is the machine's noise."""
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) / number * 1e6


def deltas_of(chance: random.Random, text: str) -> list[str]:
    """About what models send: a word with its space, sometimes half of one."""
    return [piece for word in re.findall(r"\s?\S+", text) for piece in _halves(chance, word)]


def _halves(chance: random.Random, word: str) -> list[str]:
    if len(word) < 7 or chance.random() < 0.6:
        return [word]
    return [word[: len(word) // 2], word[len(word) // 2 :]]


def stream(ruleset: Ruleset, streams: Sequence[Sequence[str]]) -> None:
    for deltas in streams:
        redactor = ruleset.redactor()
        for delta in deltas:
            redactor.feed(delta)
        redactor.finish()


def main() -> None:
    chance = random.Random(1)
    rules = load_default_rules()
    start = time.perf_counter()
    ruleset = Ruleset.compile(rules, name="default")
    compiled = time.perf_counter()
    dump = ruleset.dumps()
    print(
        f"{platform.machine()}, Python {platform.python_version()}, hyperscan {metadata.version('hyperscan')}, "
        f"{len(rules)} rules, {sum(len(rule.core) for rule in rules)} cores"
    )
    load_ms = best_us(lambda: Ruleset.loads(dump), 1) / 1e3
    print(f"compile {compiled - start:.2f} s, dump {len(dump) / 1e6:.1f} MB, load {load_ms:.0f} ms\n")

    secrets = [hit.text for rule in rules for hit in rule.hits if len(hit.text) < 120]
    alternation = re.compile(
        "|".join(f"(?:{core})" for rule in rules for core in (*rule.core, *rule.core_with_context))
    )
    texts = {
        "clean 1 KB": [prose(chance, 1024) for _ in range(400)],
        "clean 1 KB, not ASCII": [prose(chance, 1023).replace("e", "é", 40) + "—" for _ in range(400)],
        "clean 1 KB in 8 strings": [prose(chance, 1024) for _ in range(400)],
        "3 matches in 1 KB": [with_personal_data(chance, 1024, secrets) for _ in range(400)],
    }
    print(f"{'whole prompts, µs per KB':32}{'synapse':>10}{'re':>12}")
    for name, many in texts.items():
        if "strings" in name:
            parts = [[text[at : at + 128] for at in range(0, 1024, 128)] for text in many]
            ours = best_us(lambda: [ruleset.scan_many(part, Side.PROMPT) for part in parts], len(many))  # noqa: B023
        else:
            ours = best_us(lambda: [ruleset.scan(text, Side.PROMPT) for text in many], len(many))  # noqa: B023
        theirs = best_us(lambda: [alternation.findall(text) for text in many[:20]], 20)  # noqa: B023
        print(f"{name:32}{ours:10.1f}{theirs:12.1f}")

    hostile = [
        (best_us(lambda: ruleset.scan(text, Side.PROMPT), 100), rule.id)  # noqa: B023
        for rule in rules
        for example in (*rule.hits[:2], *rule.misses[:2])
        for text in [((example.text + " ") * 100_000)[:100_000]]
    ]
    worst_us, worst = max(hostile)
    print(f"{'100 KB of one example, worst':32}{worst_us:10.1f}  ({worst}: {worst_us / 10:.0f} ms in all)")

    print(f"\n{'streams, µs per delta':32}{'synapse':>10}")
    for name in ("clean 1 KB", "clean 1 KB, not ASCII", "3 matches in 1 KB"):
        streams = [deltas_of(chance, text) for text in texts[name][:60]]
        number = sum(map(len, streams))
        print(f"{name:32}{best_us(lambda: stream(ruleset, streams), number):10.2f}")  # noqa: B023


if __name__ == "__main__":
    main()
