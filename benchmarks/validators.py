"""Our validators beside python-stdnum: the same verdict on random and on mutated numbers.

Run: .venv/bin/python -m benchmarks validators, or benchmarks/validators.py [RULE …] for some rules only. A family of
rules registers its oracles in `benchmarks/oracles/<family>.toml`: a table for each rule, with the `module` below
`stdnum`, the `form` that it expects (`alphanumerics`, `digits`, or `raw` when separators mean something to it), and
where we differ on purpose which way (`differs`: wider, narrower, or both) and which public source decides (`why`).
"""

import importlib
import random
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from synapse.dlp import Rule, load_all_rules
from synapse.dlp.acceptance import acceptance
from synapse.dlp.language import Alt, Char, Node, Rep, Seq, forward, parse
from synapse.dlp.validators.checksums import alphanumerics, digits

ORACLES = Path(__file__).parent / "oracles"
NUMBERS = 100_000
# Valid numbers that mutations start from; old ones make room for new ones.
_POOL = 200
_SHOWN = 3


_FORMS: Mapping[str, Callable[[bytes], bytes]] = {"alphanumerics": alphanumerics, "digits": digits, "raw": bytes}


@dataclass(frozen=True, slots=True)
class Oracle:
    """Where python-stdnum keeps what a rule's validator does, and how we differ from it on purpose."""

    rule: str
    module: str
    form: Literal["alphanumerics", "digits", "raw"] = "alphanumerics"
    differs: Literal["", "wider", "narrower", "both"] = ""
    why: str = ""

    def verdict(self) -> Callable[[bytes], bool]:
        is_valid = importlib.import_module(f"stdnum.{self.module}").is_valid
        written = _FORMS[self.form]
        return lambda match: bool(is_valid(written(match).decode("latin-1")))


@dataclass(slots=True)
class Agreement:
    """How two verdicts compare on some numbers."""

    both: int = 0
    neither: int = 0
    only_ours: list[str] = field(default_factory=list)
    only_theirs: list[str] = field(default_factory=list)

    def unexplained(self, oracle: Oracle) -> list[str]:
        """The differences that are not on purpose."""
        return [
            *(self.only_ours if oracle.differs not in {"wider", "both"} else ()),
            *(self.only_theirs if oracle.differs not in {"narrower", "both"} else ()),
        ]


def load_oracles() -> list[Oracle]:
    """All that families have registered, ordered by file, then as written."""
    documents = [tomllib.loads(path.read_text("utf-8")) for path in sorted(ORACLES.glob("*.toml"))]
    return [Oracle(rule, **table) for document in documents for rule, table in document.items()]


def compare(rule: Rule, oracle: Oracle, *, numbers: int, seed: int = 1) -> Agreement:
    """Half of the numbers are random words of the rule's cores, half are valid ones with a small change."""
    ours = acceptance(rule) or (lambda _: True)
    theirs, result = oracle.verdict(), Agreement()
    for number in _numbers(rule, lambda match: ours(match) or theirs(match), numbers=numbers, seed=seed):
        match ours(number), theirs(number):
            case True, True:
                result.both += 1
            case False, False:
                result.neither += 1
            case True, False:
                result.only_ours.append(number.decode("latin-1"))
            case _:
                result.only_theirs.append(number.decode("latin-1"))
    return result


def _numbers(rule: Rule, valid: Callable[[bytes], bool], *, numbers: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    cores = [parse(core) for core in (*rule.core, *rule.core_with_context)]
    whole = [re.compile(forward(core).encode("ascii")) for core in cores]
    pool: list[bytes] = []
    seen: set[bytes] = set()
    while numbers > 0:
        number = random_word(chance.choice(cores), chance)
        if pool and numbers % 2:
            number = _mutated(chance.choice(pool), chance)
            if not any(core.fullmatch(number) for core in whole):
                continue
        numbers -= 1
        yield number
        if number not in seen and valid(number):
            seen.add(number)
            pool.append(number)
            del pool[:-_POOL]


def random_word(node: Node, chance: random.Random) -> bytes:
    """A random word of a core."""
    match node:
        case Char(allowed):
            return chance.choice(_characters(allowed))
        case Rep(low, high, item):
            return b"".join(random_word(item, chance) for _ in range(chance.randint(low, high)))
        case Seq(items):
            return b"".join(random_word(item, chance) for item in items)
        case Alt(items):
            return random_word(chance.choice(items), chance)


@lru_cache
def _characters(allowed: frozenset[int]) -> tuple[bytes, ...]:
    return tuple(bytes((byte,)) for byte in sorted(allowed))


def _mutated(number: bytes, chance: random.Random) -> bytes:
    """One character is another one of its kind, or has changed places with its neighbour."""
    changed, at = bytearray(number), chance.randrange(len(number))
    if chance.random() < 0.3:
        other = (at + 1) % len(number)
        changed[at], changed[other] = changed[other], changed[at]
    else:
        alphabet = b"0123456789" if chr(number[at]).isdigit() else b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        changed[at] = chance.choice(alphabet)
    return bytes(changed)


def main(names: list[str] | None = None) -> None:
    rules = {rule.id: rule for rule in load_all_rules()}
    unexplained = 0
    for oracle in load_oracles():
        if names and oracle.rule not in names:
            continue
        result = compare(rules[oracle.rule], oracle, numbers=NUMBERS)
        unexplained += len(result.unexplained(oracle))
        agreed = result.both + result.neither
        print(f"{oracle.rule:28} stdnum.{oracle.module:18} agree {agreed:7,} ({result.both:6,} valid)", end="")
        print(f"  only ours {len(result.only_ours):6,}  only theirs {len(result.only_theirs):6,}  {oracle.differs}")
        for kind, found in (("only ours", result.only_ours), ("only theirs", result.only_theirs)):
            if found:
                print(f"    {kind}: {', '.join(map(repr, found[:_SHOWN]))}")
        if oracle.why:
            print(f"    {oracle.why}")
    print(f"{unexplained} unexplained differences in {NUMBERS:,} numbers for each validator.")


if __name__ == "__main__":
    main(sys.argv[1:])
