"""What the DLP engine costs: µs per KB of whole texts beside others, µs per delta of streams, and how much is held.

`python -m benchmarks dlp`. The texts are in dlp_texts.py, the others in dlp_rivals.py. Times are CPU of this process,
the best of some rounds over texts that are all different. Read the figures as ratios.
"""

import platform
import random
import time
from collections.abc import Callable, Sequence
from importlib import metadata

import orjson

from synapse.dlp import Rule, Ruleset, Side, load_all_rules, load_default_rules
from synapse.layers.response_dlp import StreamFilter

from .dlp_rivals import Rival, rivals
from .dlp_texts import KB, STREAMED_TEXTS, WHOLE_TEXTS, Text, deltas_of
from .timing import best_us

# KB of a text, how many different ones, and how many of these the slow ones get.
SIZES = ((1, 200, 10), (10, 20, 2), (100, 3, 1))
STREAMS, STREAM_KB = 40, 2


def compiled(name: str, rules: Sequence[Rule]) -> Ruleset:
    begin = time.process_time()
    ruleset = Ruleset.compile(rules, name=name)
    compile_s = time.process_time() - begin
    dump = ruleset.dumps()
    load_ms = best_us(lambda: Ruleset.loads(dump), 1000, rounds=3)
    print(
        f"{name:10} {len(rules):4} rules, {len(ruleset._compiled.patterns):4} cores: compile {compile_s:.2f} s, "
        f"dump {len(dump) / 1e6:.1f} MB, load in a worker {load_ms:.0f} ms"
    )
    return ruleset


def whole_texts(policies: Sequence[Ruleset], others: Sequence[Rival]) -> None:
    print(f"\nWhole texts, µs per KB; behind each other the ratio to {policies[0].name}")
    for other in others:
        if other.find is None:
            print(f"{other.name} is not installed: {other.remedy}")
    names = [policy.name for policy in policies] + [other.name for other in others if other.find]
    print(f"{'':40}{'KB':>4}" + "".join(f"{name:>22}" for name in names))
    for kind, make in WHOLE_TEXTS.items():
        for size, number, few in SIZES:
            texts = made(make, policies[0].rules, size * KB, number)
            own = [per_kb(lambda text, p=policy: p.scan(text, Side.PROMPT), texts, size) for policy in policies]  # type: ignore[misc]
            theirs = [per_kb(other.find, texts[:few], size) for other in others if other.find]
            row = [f"{us:.1f}" for us in own] + [f"{us:.0f} (x{us / own[0]:.0f})" for us in theirs]
            print(f"{kind:40}{size:4}" + "".join(f"{cell:>22}" for cell in row), flush=True)


def made(make: Text, rules: Sequence[Rule], size: int, number: int) -> list[str]:
    chance = random.Random(size)
    return [make(chance, size, rules) for _ in range(number)]


def per_kb(find: Callable[[str], object], texts: Sequence[str], size: int) -> float:
    return best_us(lambda: [find(text) for text in texts], len(texts) * size)


def streams(policies: Sequence[Ruleset]) -> None:
    print("\nStreams, µs per delta: scan and redaction / the whole filter of SSE events; held: mean, p99 characters")
    print(f"{'':40}" + "".join(f"{policy.name:>30}" for policy in policies))
    for kind, make in STREAMED_TEXTS.items():
        chance = random.Random(kind)
        many = [deltas_of(chance, text) for text in made(make, policies[0].rules, STREAM_KB * KB, STREAMS)]
        number = sum(map(len, many))
        cells = []
        for policy in policies:
            redacting = best_us(lambda p=policy, m=many: redact(p, m), number)  # type: ignore[misc]
            events = [list(map(event, deltas)) for deltas in many]
            filtering = best_us(lambda p=policy, e=events: filter_events(p, e), number)  # type: ignore[misc]
            held = sorted(held_characters(policy, many))
            mean, p99 = sum(held) / len(held), held[len(held) * 99 // 100]
            cells.append(f"{redacting:.2f} / {filtering:.2f}; {mean:.1f}, {p99}")
        print(f"{kind:40}" + "".join(f"{cell:>30}" for cell in cells), flush=True)


def redact(policy: Ruleset, many: Sequence[Sequence[str]]) -> None:
    for deltas in many:
        redactor = policy.redactor()
        for delta in deltas:
            redactor.feed(delta)
        redactor.finish()


def held_characters(policy: Ruleset, many: Sequence[Sequence[str]]) -> list[int]:
    """After each delta."""
    held = []
    for deltas in many:
        redactor = policy.redactor()
        for delta in deltas:
            redactor.feed(delta)
            held.append(redactor.held)
    return held


def event(delta: str) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "story",
        "choices": [{"index": 0, "delta": {"content": delta}, "finish_reason": None}],
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def filter_events(policy: Ruleset, many: Sequence[Sequence[bytes]]) -> None:
    for events in many:
        stream = StreamFilter(policy, usage_wanted=False)
        for one in events:
            stream.feed(one)


def main() -> None:
    print(f"{platform.machine()}, Python {platform.python_version()}, hyperscan {metadata.version('hyperscan')}")
    policies = [compiled("default", load_default_rules()), compiled("all packs", load_all_rules())]
    whole_texts(policies, rivals(policies[0].rules))
    streams(policies)


if __name__ == "__main__":
    main()
