"""How much memory streams keep: `python tests/dlp/streams_memory.py [DELTAS]`, a million by default.

One long stream, and as many deltas over many short ones. Prints what is traced and resident on the way; both have to
stay where they were after the first tenth.
"""

import gc
import random
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from synapse.dlp import Ruleset, default_ruleset

DELTAS = 1_000_000
STREAM_DELTAS = 400
# What an allocator may keep of its own.
TRACED_MAX = 64 * 1024
RESIDENT_MAX = 4 * 1024 * 1024
WORDS = "the invoice of 2024-05-17 for customer 4711 is 12.50 and é \u200b or \n - password: naïve".split(" ")


def deltas(number: int) -> Iterator[str]:
    """Words, near matches and invisible signs, and no match: findings are kept, and would be counted here."""
    chance = random.Random(5)
    for _ in range(number):
        yield chance.choice(WORDS) + chance.choice((" ", " ", ", ", "\u00ad ", "\n"))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measured() -> tuple[int, int]:
    gc.collect()
    return tracemalloc.get_traced_memory()[0], resident()


def one_stream(ruleset: Ruleset, number: int) -> list[tuple[int, int]]:
    """Traced and resident bytes after each tenth."""
    redactor = ruleset.redactor()
    seen = []
    for count, delta in enumerate(deltas(number), 1):
        redactor.feed(delta)
        if count % (number // 10) == 0:
            seen.append(measured())
    redactor.finish()
    return seen


def many_streams(ruleset: Ruleset, number: int) -> list[tuple[int, int]]:
    seen = []
    redactor = ruleset.redactor()
    for count, delta in enumerate(deltas(number), 1):
        redactor.feed(delta)
        if count % STREAM_DELTAS == 0:
            redactor.finish()
            redactor = ruleset.redactor()
        if count % (number // 10) == 0:
            seen.append(measured())
    return seen


def growth(seen: list[tuple[int, int]]) -> tuple[int, int]:
    """Bytes traced and resident, from the first tenth to the last."""
    return seen[-1][0] - seen[0][0], seen[-1][1] - seen[0][1]


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else DELTAS
    ruleset = default_ruleset()
    tracemalloc.start()
    for name, run in (("one stream", one_stream), ("many streams", many_streams)):
        seen = run(ruleset, number)
        for traced, all_of_it in seen:
            print(f"{name}: traced {traced / 1024:.0f} KiB, resident {all_of_it / 1024 / 1024:.1f} MiB")
        traced, all_of_it = growth(seen)
        print(f"{name}, {number} deltas: grew by {traced} bytes traced, {all_of_it} resident")
        if traced > TRACED_MAX or all_of_it > RESIDENT_MAX:
            sys.exit(f"{name}: memory grows")


if __name__ == "__main__":
    main()
