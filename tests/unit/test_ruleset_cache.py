"""The compiled rules are kept, and a file that is damaged is as good as none."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from synapse.dlp import Ruleset, Side
from synapse.ruleset_cache import compiled_default_ruleset
from synapse.startup import StartupError


def compiled(state_dir: Path) -> bytes:
    with compiled_default_ruleset(state_dir) as result:
        return result()


def test_what_was_compiled_is_read_again_and_a_damaged_file_is_not(tmp_path: Path) -> None:
    first = compiled(tmp_path)
    (path,) = (tmp_path / "cache").iterdir()
    kept = path.read_bytes()
    assert kept.endswith(first)
    assert compiled(tmp_path) == first
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    again = compiled(tmp_path)
    assert Ruleset.loads(again).scan("4111 1111 1111 1111", Side.PROMPT).action == "redact"
    assert path.read_bytes().endswith(again)


def test_without_a_place_to_keep_it_it_is_compiled_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert Ruleset.loads(compiled(tmp_path)).name == "default"


def test_compiling_ends_with_the_start_that_wanted_it(tmp_path: Path) -> None:
    threads = threading.active_count()
    with compiled_default_ruleset(tmp_path):
        (child,) = multiprocessing.active_children()
        assert threading.active_count() == threads, "workers are forked from this process"
    assert child.exitcode == -signal.SIGKILL


def test_a_compiler_that_dies_is_said_in_one_sentence(tmp_path: Path) -> None:
    with compiled_default_ruleset(tmp_path) as result:
        (child,) = multiprocessing.active_children()
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(StartupError, match="not compiled"):
            result()
