"""The core's own tests and some fuzzing, on a build that checks every bound and every None."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "fuzz"
FUZZ_S = 5
# They name what they touch; the rest of tests/dlp is about rules and would only take long.
TESTS = ("test_string_walk.py", "test_open_runs.py", "test_live.py", "test_large_texts.py")


@pytest.fixture(scope="module")
def debug_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debug")
    code = (
        "import sys, extension; from pathlib import Path; extension.build(Path(sys.argv[1]), SYNAPSE_DEBUG_BUILD='1')"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=FUZZ, check=True)
    return folder


# Building takes most of it, on a busy machine more than the usual minute.
@pytest.mark.timeout(600)
def test_the_core_passes_its_tests_with_bounds_checks(debug_build: Path) -> None:
    tests = [str(Path(__file__).parent / name) for name in TESTS]
    law = f"{Path(__file__).parent / 'test_stream_law.py'}::test_a_whole_answer_gives_what_a_stream_gives"
    left_out = ["-k", "not cost and not seven_times", "-p", "no:cacheprovider", "-q"]
    ran = subprocess.run(
        [sys.executable, str(FUZZ / "extension.py"), str(debug_build), *left_out, *tests, law],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3_000:]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("drawn_by", [(), ("--hypothesis",)], ids=["chance", "Hypothesis"])
def test_nothing_that_is_handed_in_breaks_a_build_with_bounds_checks(
    debug_build: Path, drawn_by: tuple[str, ...]
) -> None:
    command = [sys.executable, str(FUZZ / "fuzz.py"), "--build", str(debug_build), "--seconds", str(FUZZ_S), *drawn_by]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "nothing broke" in ran.stdout
