"""Fuzzes the compiled DLP core: `make fuzz`, or `python tests/fuzz/fuzz.py [--seconds S] [--build FOLDER] [--case N]`.

A child process runs case after case and says which it is at. One that dies tells the case: `--case N` runs it alone.
With `--hypothesis` a case is a hundred examples of Hypothesis, which prefers what is small, repeated and at the edges.
"""

import argparse
import faulthandler
import mmap
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import extension

SECONDS = 60.0
# A fresh process now and then, so that what one case breaks shows soon, and not long after.
CASES_OF_A_CHILD = 20_000
CASE_S_MAX = 90.0
EXAMPLES_OF_A_CASE = 100


def sanitized_environment() -> dict[str, str]:
    """What the sanitizers need: their libraries first, an allocator that they see, and no word on the interpreter."""
    libraries = [
        subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return {
        "LD_PRELOAD": " ".join(libraries),
        "PYTHONMALLOC": "malloc",
        # The interpreter leaves much to the end of its process; leaks are counted by test_streams_keep_flat_memory.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:detect_stack_use_after_return=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }


def run_case(number: int, *, by_hypothesis: bool) -> None:
    from entries import Case

    if not by_hypothesis:
        Case(random.Random(number)).run()
        return
    from hypothesis import HealthCheck, given, seed, settings, strategies

    @seed(number)
    @settings(max_examples=EXAMPLES_OF_A_CASE, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategies.randoms(use_true_random=False))
    def run_examples(chance: random.Random) -> None:
        Case(chance).run()

    run_examples()


def child(first: int, number: int, deadline: float, place: Path, *, by_hypothesis: bool) -> None:
    faulthandler.enable()
    faulthandler.dump_traceback_later(CASE_S_MAX, exit=True)
    with place.open("r+b") as file, mmap.mmap(file.fileno(), 8) as current:
        for case in range(first, first + number):
            if time.time() > deadline:
                break
            current[:] = case.to_bytes(8, "little")
            if by_hypothesis or case % 64 == 0:
                faulthandler.dump_traceback_later(CASE_S_MAX, exit=True)
            run_case(case, by_hypothesis=by_hypothesis)
        else:
            case += 1
        current[:] = case.to_bytes(8, "little")


def run(first: int, seconds: float, build: Path | None, number: int, *, by_hypothesis: bool) -> int:
    """The number of cases that were run; it ends the program when one of them broke something."""
    deadline = time.time() + seconds
    environment = {**os.environ, **(sanitized_environment() if build and "sanitized" in build.name else {})}
    at = first
    with tempfile.NamedTemporaryFile() as place:
        place.write(bytes(8))
        place.flush()
        while time.time() < deadline and at < first + number:
            command = [sys.executable, __file__, "--child", str(at), str(min(CASES_OF_A_CHILD, first + number - at))]
            command += [str(deadline), place.name, *(["--build", str(build)] if build else [])]
            command += ["--hypothesis"] if by_hypothesis else []
            ended = subprocess.run(command, env=environment, check=False)
            at = int.from_bytes(Path(place.name).read_bytes(), "little")
            if ended.returncode:
                sys.exit(f"case {at} broke it (status {ended.returncode}); --case {at} runs it again")
    return at - first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--build", type=Path, help="folder of another build of the extension")
    parser.add_argument("--case", type=int)
    parser.add_argument("--seed", type=int, default=None, help="the first case")
    parser.add_argument("--hypothesis", action="store_true", help="let Hypothesis draw the examples")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(extension.ROOT))
    if options.build and (options.child or not options.build.name.startswith("sanitized")):
        extension.load(options.build)
    if options.child:
        first, number, deadline, place = options.child
        child(int(first), int(number), float(deadline), Path(place), by_hypothesis=options.hypothesis)
    elif options.case is not None:
        run(options.case, CASE_S_MAX, options.build, 1, by_hypothesis=options.hypothesis)
        print("nothing broke")
    else:
        seed = time.time_ns() % 2**40 if options.seed is None else options.seed
        print(f"seed {seed}", flush=True)
        begin = time.monotonic()
        cases = run(seed, options.seconds, options.build, 2**62, by_hypothesis=options.hypothesis)
        cases *= EXAMPLES_OF_A_CASE if options.hypothesis else 1
        print(f"{cases} cases in {time.monotonic() - begin:.0f} s, nothing broke")


if __name__ == "__main__":
    main()
