"""The parent's side of a policy change, with its real compiling processes and without a database."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from synapse import policy_keeper
from synapse.policy_directory import Active, PolicyDirectory
from synapse.policy_keeper import PolicyKeeper
from synapse.startup import StartupError

# Nothing listens there: policies of a file come into force without a database, and are put on record later.
NOWHERE = "postgresql://user@127.0.0.1:1/none"
WORKER = 4711
SMALL = '[policies.default]\npacks = ["core"]\n'


class Parent:
    """What the server does with a keeper, for one worker that does not exist."""

    def __init__(self, state_dir: Path) -> None:
        self.file = state_dir / "dlp.toml"
        self.file.write_text(SMALL)
        self.directory = PolicyDirectory(state_dir)
        self.keeper = PolicyKeeper(state_dir, file=self.file, file_required=True)

    def start(self) -> None:
        with self.keeper.starting():
            self.keeper.prepare(NOWHERE)

    def until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            self.keeper.attend([WORKER], forget=lambda: None)
            time.sleep(0.005)

    def hear(self, **message: Any) -> None:
        self.keeper.teller.send_bytes(orjson.dumps({"pid": WORKER, **message}))

    @property
    def active(self) -> Active:
        active = self.directory.active()
        assert active is not None
        return active

    @property
    def status(self) -> dict[str, Any]:
        return self.directory.status() or {}


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Parent]:
    parent = Parent(tmp_path)
    yield parent
    parent.keeper.stop()


def compilers() -> list[Any]:
    return [child for child in multiprocessing.active_children() if child.name == "policies"]


def test_compiling_ends_with_the_start_that_wanted_it_and_makes_no_threads(parent: Parent) -> None:
    threads = threading.active_count()
    with parent.keeper.starting():
        (child,) = compilers()
        assert threading.active_count() == threads, "workers are forked from this process"
    assert child.exitcode == -signal.SIGKILL


def test_a_first_compiler_that_dies_is_said_in_one_sentence(parent: Parent) -> None:
    with parent.keeper.starting():
        (child,) = compilers()
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(StartupError, match="not compiled"):
            parent.keeper.prepare(NOWHERE)


def test_a_start_that_takes_long_says_what_it_waits_for(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_keeper, "PATIENCE_S", 0.0)
    said: list[str] = []
    with parent.keeper.starting():
        parent.keeper.prepare(NOWHERE, say=said.append)
    assert said == ["Compiling the DLP rules; that is done once."]


def test_a_required_file_that_is_missing_stops_the_start(parent: Parent) -> None:
    parent.file.unlink()
    with pytest.raises(StartupError, match="the policy file is not there; put it back"):
        parent.start()


@pytest.mark.parametrize(
    ("required", "remedy"),
    [
        (
            True,
            "put it back, or take it out of `dlp.file` and start the gateway again; the last version stays in force",
        ),
        (False, "put it back, or start the gateway again; the last version stays in force"),
    ],
)
def test_a_file_that_goes_while_the_gateway_runs_is_told(parent: Parent, required: bool, remedy: str) -> None:
    parent.keeper = PolicyKeeper(parent.file.parent, file=parent.file, file_required=required)
    parent.start()
    before = parent.active
    parent.file.unlink()
    parent.until(lambda: parent.status["problems"])
    (problem,) = parent.status["problems"]
    assert (problem["reason"], problem["remedy"]) == ("the policy file is not there", remedy)
    assert parent.active == before


def test_an_exception_that_has_ended_is_told_once(
    parent: Parent, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_keeper, "RETRY_PAUSE_S", 0.1)
    parent.file.write_text(SMALL + '[[policies.default.exceptions]]\nteam = "a"\nreason = "r"\nexpires = 2020-01-01\n')
    parent.start()
    parent.keeper.reread()
    parent.until(lambda: len([one for one in caplog.records if "not on record" in one.message]) > 1)
    told = [(one.levelname, one.message) for one in caplog.records if "exception 1" in one.message]
    assert len(told) == 1
    assert told[0][0] == "WARNING"
    assert "it ended on 2020-01-01 at 00:00 UTC and does nothing" in told[0][1]


@pytest.mark.parametrize("nothing", ["", " \n\n"])
def test_a_file_that_was_emptied_changes_nothing(parent: Parent, nothing: str) -> None:
    """An editor that died and a full disk leave such a file; nobody takes all policies away like this."""
    parent.start()
    before = parent.active
    parent.file.write_text(nothing)
    parent.until(lambda: parent.status["problems"])
    (problem,) = parent.status["problems"]
    assert problem["reason"] == "the file is empty"
    assert problem["remedy"] == "put it back; if you want nothing but the shipped policies, write a comment into it"
    assert parent.active == before

    parent.file.write_text("# Nothing of our own.\n")
    parent.until(lambda: parent.status["problems"] == [])
    assert parent.active.generation > before.generation


def test_a_file_that_never_had_anything_in_it_may_be_empty(parent: Parent) -> None:
    parent.file.write_text("")
    parent.start()
    before = parent.active
    assert parent.status["problems"] == []
    parent.file.write_text(SMALL)
    parent.until(lambda: parent.active.generation > before.generation)
    assert parent.status["problems"] == []


def test_without_database_and_file_nothing_starts(tmp_path: Path) -> None:
    keeper = PolicyKeeper(tmp_path, file=None, file_required=False)
    with keeper.starting(), pytest.raises(StartupError, match="the database that holds the policies is away"):
        keeper.prepare(NOWHERE)


def test_a_change_comes_into_force_and_the_worker_that_has_it_is_counted(parent: Parent) -> None:
    parent.start()
    first = parent.active
    assert first.policies.keys() == {"default"}
    assert parent.status["recorded"] is False

    parent.file.write_text(SMALL + '[policies.own]\npacks = ["core"]\nmode = "monitor"\n')
    parent.until(lambda: parent.active.generation > first.generation)
    assert parent.active.policies.keys() == {"default", "own"}
    # What did not change is the same, and was not compiled again.
    assert parent.active.policies["default"] == first.policies["default"]
    assert parent.status["workers"] == 0

    parent.hear(generation=parent.active.generation)
    parent.until(lambda: parent.status["workers"] == 1)
    assert parent.status["workers_told"] == 1


def test_a_compiler_that_dies_later_changes_nothing_and_is_told(parent: Parent) -> None:
    parent.start()
    before = parent.active
    (child,) = compilers()
    os.kill(child.pid, signal.SIGSTOP)  # so that it is not done before it dies
    parent.file.write_text('[policies.default]\npacks = ["core"]\nviews = false\n')
    parent.until(lambda: len(parent.keeper.channels) == 2)
    os.kill(child.pid, signal.SIGKILL)
    parent.until(lambda: parent.status["problems"])
    assert "died" in parent.status["problems"][0]["reason"]
    assert parent.active == before

    parent.keeper.reread()
    parent.until(lambda: parent.active.generation > before.generation)
    assert parent.status["problems"] == []


def test_one_process_compiles_every_change_and_another_one_when_it_has_died(parent: Parent) -> None:
    """It stays, since what it knows of the rules makes the next change cheap; nobody waits for one that is dead."""
    parent.start()
    (child,) = compilers()

    def compiled_by(word: str) -> int | None:
        generation = parent.active.generation
        parent.file.write_text(SMALL + word)
        parent.until(lambda: parent.active.generation > generation)
        (now,) = compilers()
        return now.pid

    assert compiled_by("views = false\n") == compiled_by('mode = "monitor"\n') == child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert compiled_by('unscanned = "alert"\n') != child.pid
    assert parent.status["problems"] == []
    assert len(parent.keeper.channels) == 1, "what is heard at once is only what is waited for"


def test_a_policy_that_a_key_wants_is_compiled(parent: Parent) -> None:
    parent.start()
    generation = parent.active.generation
    parent.hear(wants=["nothing-of-that-name"], number=0)
    parent.hear(wants=["secrets-only"], number=0)
    parent.until(lambda: parent.active.generation > generation)
    assert parent.active.policies.keys() == {"default", "secrets-only"}


def test_a_worker_that_cannot_load_has_it_compiled_again(parent: Parent, tmp_path: Path) -> None:
    parent.start()
    path = tmp_path / "dlp" / "compiled" / parent.active.policies["default"].key
    path.unlink()
    generation = parent.active.generation
    parent.hear(failed=generation)
    parent.until(lambda: parent.active.generation > generation)
    assert path.exists()


def test_a_mistake_is_told_as_long_as_it_is_there(parent: Parent) -> None:
    parent.start()
    before = parent.active
    parent.file.write_text("[policies")
    parent.until(lambda: parent.status["problems"])
    since = parent.status["refused_since"]
    parent.file.write_text(SMALL + 'mode = "x"\n')
    parent.until(lambda: "mode is 'x'" in parent.status["problems"][0]["reason"])
    assert parent.status["refused_since"] == since, "the first one is still not cured"
    parent.file.write_text(SMALL)
    parent.until(lambda: parent.status["problems"] == [])
    assert parent.active.policies == before.policies
