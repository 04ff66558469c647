"""The law of streams at length: `python -m benchmarks stream_law [CASES [SEED]]`, 100,000 cases by default.

Each case is a fresh text, made of pieces of the examples of some random rules of all packs, cut anywhere, with random
actions. What leaves, and what is found, must be what the plain oracle of the tests says of the whole text.
"""

import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "dlp"
CASES = 100_000
# A ruleset costs more than a case: so many cases are tried on each.
CASES_OF_A_SUBSET = 100


def main(arguments: Sequence[str] = ()) -> None:
    sys.path.insert(0, str(TESTS))
    from test_stream_law import cases, mismatch
    from texts import subset_subjects

    from synapse.dlp import load_all_rules

    number, seed = (*map(int, arguments), *(CASES, time.time_ns())[len(arguments) :])
    rules = load_all_rules()
    print(f"{len(rules)} rules, {number} cases, seed {seed}", flush=True)
    tried: set[str] = set()
    mismatches = done = 0
    begin = time.process_time()
    for batch in range(0, number, CASES_OF_A_SUBSET):
        chance = random.Random(f"{seed} {batch}")
        subjects = subset_subjects(chance, 1, rules)
        tried.update(rule.id for subject in subjects for rule in subject.ruleset.rules)
        for subject, text, deltas in cases(subjects, min(CASES_OF_A_SUBSET, number - batch), batch ^ seed):
            done += 1
            if wrong := mismatch(subject, text, deltas):
                mismatches += 1
                ids = ", ".join(f"{rule.id}={rule.answer}" for rule in subject.ruleset.rules)
                print(f"mismatch: {ids}: {deltas!r}: {wrong}", flush=True)
    took = time.process_time() - begin
    print(f"{done} cases over {len(tried)} of {len(rules)} rules in {took:.0f} s of CPU: {mismatches} mismatches")
    if mismatches:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
