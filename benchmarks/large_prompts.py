"""How long one step of a large prompt's inspection takes at most: nobody else is served meanwhile.

CPU time of the thread, so that other processes of the machine do not count; garbage is collected as in a worker.
"""

import json
import random
import time
from collections.abc import Iterator

from synapse.chat import Json, RequestLimits
from synapse.dlp import default_ruleset
from synapse.layers.prompt_dlp import inspect_in_steps
from synapse.worker import collect_seldom

from .dlp_texts import prose

MB = 1024 * 1024
# Made up of parts, so that no scanner takes this file for a leak.
CARD, EMAIL = "4012888888" + "881881", "jane.doe" + "@example.com"


def bodies() -> Iterator[tuple[str, Json]]:
    chance = random.Random(3)
    page = prose(chance, MB)
    entities = "".join(f"&#{ord(figure)};" for figure in CARD)
    markup = "".join(f"<p><b>{word}</b>{word} &amp; {word}%20{word}</p>\n" for word in page[: MB // 8].split())
    yield "10 MB of prose", chat(page * 10)
    yield "5 MB of cards", chat(f"{CARD} " * (5 * MB // 17))
    yield "5 MB of cards, the last encoded", chat(f"{CARD} " * (5 * MB // 17) + entities)
    yield "5 MB of addresses", chat(f"{EMAIL} " * (5 * MB // 21))
    yield "5 MB of a secret's beginning", chat("password=" * (5 * MB // 9))
    yield "5 MB of encoded cards", chat(f"{entities} " * (5 * MB // 81))
    yield "5 MB of markup", chat((markup * 40)[: 5 * MB])
    yield "5 MB of numbers", chat(" ".join(str(chance.randint(10, 999)) for _ in range(5 * MB // 4)))
    yield "50,000 strings", chat("x", metadata={f"key {number}": prose(chance, 60) for number in range(24_000)})
    found = {f"a{number}{EMAIL}": EMAIL for number in range(24_000)}
    yield "48,000 strings with an address", chat("x", metadata=found)
    yield "4,000 messages of one role", {"model": "m", "messages": [user(prose(chance, 1000)) for _ in range(4000)]}
    yield "arguments, 2 MB", chat("x", arguments=json.dumps({"a": ["\n" + page, page]}))


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def chat(text: str, **fields: object) -> Json:
    return {"model": "m", "messages": [user(text)], **fields}


def main() -> None:
    ruleset, limits = default_ruleset(), RequestLimits()
    collect_seldom()
    print(f"{'ms of CPU':32}{'longest step':>14}{'in all':>10}{'steps':>8}{'found':>9}")
    for name, body in bodies():
        steps = inspect_in_steps(body, ruleset, history="redact", limits=limits)
        times: list[float] = []
        found = None
        while found is None:
            start = time.thread_time()
            try:
                next(steps)
            except StopIteration as end:
                found = sum(end.value.counts.values())
            times.append((time.thread_time() - start) * 1e3)
        print(f"{name:32}{max(times):14.1f}{sum(times):10.0f}{len(times):8}{found:9}", flush=True)


if __name__ == "__main__":
    main()
