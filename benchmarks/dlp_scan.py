"""`synapse dlp scan --jsonl --packs all` as others run it: a process, 20,000 short texts in, as many lines out.

Start (with nothing kept, and with the compiled rules of an earlier command) and texts per second after it.
"""

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from synapse.cli.dlp_bench_texts import clean
from synapse.dlp import Rule, load_all_rules

NUMBER = 20_000
# Sentences and short paragraphs, every second one with something in it.
CHARS_MIN, CHARS_MAX = 40, 300
ROUNDS = 3


def texts(chance: random.Random, rules: Sequence[Rule]) -> list[str]:
    examples = [
        hit.before + hit.text for rule in rules for hit in (*rule.hits, *rule.misses) if len(hit.text) <= CHARS_MAX
    ]
    some = []
    for number in range(NUMBER):
        text = clean(chance, chance.randint(CHARS_MIN, CHARS_MAX))
        place = chance.randrange(len(text))
        some.append(f"{text[:place]} {chance.choice(examples)} {text[place:]}" if number % 2 else text)
    return some


def scan_s(path: Path, lines: int, environ: dict[str, str]) -> tuple[float, float]:
    """Seconds until the first answer, and from there to the last."""
    command = [sys.executable, "-m", "synapse", "dlp", "scan", "--jsonl", "--packs", "all", str(path)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter()
        answered = 1 + sum(1 for _ in process.stdout)
    if answered != lines:
        sys.exit(f"{lines} lines went in and {answered} came out.")
    return first - start, time.perf_counter() - first


def main() -> None:
    rules = load_all_rules()
    some = texts(random.Random(5), rules)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(some)))
        environ = {**os.environ, "XDG_CACHE_HOME": folder}
        cold_s, _ = scan_s(path, NUMBER, environ)
        rounds = [scan_s(path, NUMBER, environ) for _ in range(ROUNDS)]
    warm_s, all_s = min(first for first, _ in rounds), min(rest for _, rest in rounds)
    print(f"{platform.machine()}, Python {platform.python_version()}, {len(rules)} rules, {NUMBER:,} texts")
    print(f"first answer: {cold_s:.2f} s when the rules are compiled, {warm_s:.2f} s when they are kept")
    print(f"then {NUMBER / all_s:,.0f} texts per second ({sum(map(len, some)) / NUMBER:.0f} characters on average)")


if __name__ == "__main__":
    main()
