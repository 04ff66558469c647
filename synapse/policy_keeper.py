"""The parent's side of the DLP policies: it watches the file, has changes compiled aside, and puts them in force.

It never blocks and has no threads, since workers are forked from it. One process compiles, one change at a time; a
change that comes meanwhile is next. What was wrong is logged and told in the status file, and changes nothing.
"""

import gc
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import orjson

from .policy_build import Compiler, Order, Outcome, problem_text
from .policy_directory import Active, PolicyDirectory, Signature, Status, file_signature
from .processes import SIGNALS, die_with_parent, name_process
from .startup import StartupError

logger = logging.getLogger("synapse.policy")

# Compiling every rule there is takes some seconds; what takes longer than this will not end.
BUILD_TIMEOUT_S = 60.0
# What could not be put on record, or was lost with the process that compiled it, is tried again after this pause.
RETRY_PAUSE_S = 10.0
# So that a worker that can load nothing does not keep everybody busy.
RELOAD_PAUSE_S = 1.0
# A file that has not changed for so long is whole.
SETTLE_S = 0.05
# Workers load a change within a second; this late it is said that some have not.
TAKEOVER_TIMEOUT_S = 5.0
# Who starts the gateway is told what it waits for when that takes longer.
PATIENCE_S = 1.0
# What compiles has this name in lists of processes, where it would look like one more worker.
COMPILER_NAME = "synapse-dlp"
# So long after a start nobody waits for the CPU time that it takes to learn what is in force.
LEARN_AFTER_S = 2.0


@dataclass(slots=True)
class _Compiling:
    """The process that compiles. It stays: a change is made within a fifth of the time where the last one is known."""

    process: BaseProcess
    pipe: Connection


@dataclass(slots=True)
class _Build:
    """What it was asked for, and is not done with."""

    end_by_s: float
    noticed_s: float


@dataclass(slots=True)
class _Takeover:
    """A change that workers are taking over."""

    noticed_s: float
    late_s: float
    first: bool = False


class PolicyKeeper:
    """`start` before the database, `prepare` when it is there, then `attend` many times a second, `stop` at the end."""

    def __init__(self, state_dir: Path, *, file: Path | None, file_required: bool) -> None:
        self._state_dir = state_dir
        self._directory = PolicyDirectory(state_dir)
        self._file = file
        self._file_required = file_required
        self._in_charge = file_required
        self._dsn = ""
        self._compiling: _Compiling | None = None
        self._build: _Build | None = None
        self._takeover: _Takeover | None = None
        self._active: Active | None = None
        self._status = Status(in_force={})
        # Of the file as it was last looked at, and as it was last compiled.
        self._seen: Signature | None = None
        self._seen_s = 0.0
        self._taken: Signature | None = None
        self._wanted: frozenset[str] = frozenset()
        self._due_s: float | None = None
        # A worker could not load what is in force: it looks again when it is put in force again.
        self._again = False
        self._warned: tuple[Mapping[str, Any], ...] = ()
        self._told: dict[int, int] = {}  # which generation each worker has
        self._messages, self._teller = multiprocessing.get_context("fork").Pipe(duplex=False)
        os.set_blocking(self._teller.fileno(), False)

    @property
    def teller(self) -> Connection:
        """Where workers say what they have and what they want."""
        return self._teller

    @property
    def channels(self) -> list[Connection]:
        """Where something may be heard that `attend` is to be called for at once."""
        compiling = self._compiling if self._build is not None else None
        return [self._messages, *(() if compiling is None else (compiling.pipe,))]

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Compile what is not kept, beside what else has to be started. Ends with a start that fails."""
        self._taken = self._seen = self._signature()
        self._begin(first=True, forget=lambda: None)
        try:
            yield
        finally:
            if self._active is None:
                self.stop()

    def prepare(self, dsn: str, *, say: Callable[[str], None] = logger.info) -> None:
        """Wait for the first policies and put them in force. Raises StartupError when there are none."""
        assert self._compiling is not None, "the caller is inside starting()"
        self._dsn = dsn
        try:
            self._compiling.pipe.send_bytes(dsn.encode())
            if not self._compiling.pipe.poll(PATIENCE_S):
                say("Compiling the DLP rules; that is done once.")
            outcome = _outcome(self._compiling.pipe.recv_bytes())
        except (EOFError, OSError):
            raise StartupError("The DLP policies were not compiled; the lines above say why.") from None
        self._build = None
        self._in_charge = self._in_charge or outcome.in_charge
        if outcome.active is None:
            lines = "\n".join(problem_text(problem) for problem in outcome.problems)
            raise StartupError(f"The DLP policies cannot come into force:\n{lines}")
        self._put_in_force(outcome, noticed_s=time.monotonic(), first=True)
        if not outcome.active.complete:
            # The rest of the file is compiled when the gateway serves.
            self._due_s = time.monotonic()

    def reread(self) -> None:
        """Look at the file again, whether it has changed or not."""
        if self._in_charge or self._signature() is not None:
            self._due_s = time.monotonic()

    def attend(self, workers: Collection[int], *, forget: Callable[[], None]) -> None:
        """Do what is to be done. `workers` are those that serve; `forget` lets a child go of what is the parent's."""
        self._hear()
        self._watch()
        if self._build is not None and self._compiling is not None:
            self._look_at(self._compiling.pipe, self._build)
        if self._build is None and self._due_s is not None and time.monotonic() >= self._due_s:
            self._due_s = None
            self._try_to_begin(forget)
        if self._takeover is not None:
            self._look_at_workers(self._takeover, workers)

    def stop(self) -> None:
        """Nothing that is being compiled is worth finishing."""
        compiling, self._compiling, self._build = self._compiling, None, None
        if compiling is not None:
            compiling.process.kill()
            compiling.process.join()
            compiling.pipe.close()

    def forget(self) -> None:
        """In a child, after the fork: orders are the parent's to give."""
        if self._compiling is not None:
            self._compiling.pipe.close()

    def _signature(self) -> Signature | None:
        return None if self._file is None else file_signature(self._file)

    def _watch(self) -> None:
        """A change counts when it has settled: an editor may write a file in pieces."""
        now, now_s = self._signature(), time.monotonic()
        if now != self._seen:
            self._seen, self._seen_s = now, now_s
        elif now != self._taken and now_s >= self._seen_s + SETTLE_S:
            self._taken = now
            self._due_s = now_s

    def _hear(self) -> None:
        with suppress(EOFError, OSError):
            while self._messages.poll():
                self._on_message(orjson.loads(self._messages.recv_bytes()))

    def _on_message(self, message: Mapping[str, Any]) -> None:
        active = self._active
        if "generation" in message:
            self._told[message["pid"]] = message["generation"]
        elif "failed" in message:
            logger.error("worker %d could not load the DLP policies; they are compiled again", message["pid"])
            self._again = True
            self._due_s = time.monotonic() + RELOAD_PAUSE_S
        elif active is not None:
            wanted = frozenset(message["wants"]) & frozenset(active.names) - active.policies.keys()
            newer = message["number"] > active.number and not self._in_charge
            if (wanted - self._wanted or newer) and self._build is None:
                self._wanted |= wanted
                self._due_s = time.monotonic()

    def _begin(self, *, first: bool, forget: Callable[[], None]) -> None:
        """Raises OSError."""
        order = Order(
            self._state_dir,
            self._file,
            file_expected=self._in_charge,
            file_required=self._file_required,
            first=first,
            wanted=self._wanted,
        )
        if self._compiling is not None and not self._compiling.process.is_alive():
            self.stop()
        pipe = (self._compiling or self._start_compiling(forget)).pipe
        now_s = time.monotonic()
        self._build = _Build(end_by_s=now_s + BUILD_TIMEOUT_S, noticed_s=now_s)
        pipe.send(order)
        if not first:
            pipe.send_bytes(self._dsn.encode())

    def _start_compiling(self, forget: Callable[[], None]) -> _Compiling:
        fork = multiprocessing.get_context("fork")
        ours, theirs = fork.Pipe()
        child = fork.Process(target=_run, args=(theirs, ours, os.getpid(), forget), name="policies")
        with theirs:
            # Signals that are for the parent must not be answered by its handlers in the child.
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            try:
                child.start()
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self._compiling = _Compiling(child, ours)
        return self._compiling

    def _try_to_begin(self, forget: Callable[[], None]) -> None:
        try:
            self._begin(first=False, forget=forget)
        except OSError as error:
            logger.error("the DLP policies cannot be compiled now: %s", error.strerror)  # noqa: TRY400
            self.stop()
            self._due_s = time.monotonic() + RETRY_PAUSE_S

    def _look_at(self, pipe: Connection, running: _Build) -> None:
        if pipe.poll():
            try:
                outcome = _outcome(pipe.recv_bytes())
            except (EOFError, OSError):
                self._failed("the process that compiled them died; its last lines are in the log")
                return
            self._build = None
            self._wanted = frozenset()
            self._in_charge = self._in_charge or outcome.in_charge
            if outcome.active is None:
                self._refuse(outcome)
            elif not self._put_in_force(outcome, noticed_s=running.noticed_s):
                self._due_s = time.monotonic() + RETRY_PAUSE_S
        elif time.monotonic() >= running.end_by_s:
            self._failed(f"compiling them took longer than {BUILD_TIMEOUT_S:.0f} s")

    def _failed(self, reason: str) -> None:
        self.stop()
        remedy = "nothing has changed; save the file again, or send SIGHUP, to try once more"
        problem = {"file": str(self._file or "policies"), "line": 1, "subject": "", "reason": reason, "remedy": remedy}
        self._refuse(Outcome(problems=(problem,)))

    def _refuse(self, outcome: Outcome) -> None:
        for problem in outcome.problems:
            logger.error("a change of the DLP policies is refused: %s", problem_text(problem))
        since = self._status.refused_since if self._status.problems else None
        self._status = replace(self._status, problems=outcome.problems, refused_since=since or _now())
        self._directory.tell(self._status)

    def _put_in_force(self, outcome: Outcome, *, noticed_s: float, first: bool = False) -> bool:
        """Have the workers take it over. False when it has to be tried again."""
        active = outcome.active
        assert active is not None, "an outcome without problems has policies"
        if self._again or not (outcome.unchanged or self._is_in_force(active)):
            self._again = False
            active = replace(active, generation=active.generation + 1)
            try:
                self._directory.activate(active)
            except OSError as error:
                logger.error("the DLP policies cannot come into force: %s", error.strerror)  # noqa: TRY400
                return False
            self._takeover = _Takeover(noticed_s, time.monotonic() + TAKEOVER_TIMEOUT_S, first)
        elif self._status.problems:
            logger.warning("the policy file is again what is in force")
        self._active = active
        since = _now() if outcome.problems else None
        in_force = _in_force(active)
        self._status = Status(in_force, problems=outcome.problems, refused_since=since, recorded=outcome.recorded)
        for problem in outcome.problems:
            logger.error("the last good DLP policies are in force, since: %s", problem_text(problem))
        self._warn(outcome)
        if not outcome.recorded:
            logger.warning("the version of the DLP policies is not on record yet; that is tried again")
        self._directory.tell(self._status)
        return outcome.recorded

    def _warn(self, outcome: Outcome) -> None:
        """Once: what could not be put on record is compiled again and again."""
        if outcome.unchanged:
            return
        for warning in outcome.warnings if outcome.warnings != self._warned else ():
            logger.warning("in the DLP policies: %s", problem_text(warning))
        self._warned = outcome.warnings

    def _is_in_force(self, active: Active) -> bool:
        """Whether only the time at which it was looked at differs."""
        now = self._active
        return now is not None and replace(active, generation=now.generation, applied_at=now.applied_at) == now

    def _look_at_workers(self, takeover: _Takeover, workers: Collection[int]) -> None:
        active = self._active
        assert active is not None, "something was put in force"
        told = sum(self._told.get(worker, 0) >= active.generation for worker in workers)
        if told < len(workers) and time.monotonic() < takeover.late_s:
            return
        took_ms = round((time.monotonic() - takeover.noticed_s) * 1000)
        log = logger.info if told == len(workers) else logger.error
        if not takeover.first:
            log("%s in force in %d of %d workers after %d ms", _described(active), told, len(workers), took_ms)
        self._takeover = None
        took = None if takeover.first else took_ms
        self._status = replace(self._status, workers=len(workers), workers_told=told, took_ms=took)
        self._directory.tell(self._status)
        self._told = {pid: generation for pid, generation in self._told.items() if pid in workers}
        if told == len(workers):
            self._directory.prune({policy.key for policy in active.policies.values()})


def _run(orders: Connection, parents: Connection, parent: int, forget: Callable[[], None]) -> None:
    """In the child. A Ctrl-C that reaches us too is the parent's to answer."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    die_with_parent(parent, signal.SIGKILL)
    name_process(COMPILER_NAME)
    parents.close()
    forget()
    learned = False
    # The parent is gone when there are no more orders.
    with Compiler() as compiler, suppress(EOFError):
        while True:
            order = orders.recv()
            orders.send_bytes(_message(compiler.build(order, lambda: orders.recv_bytes().decode())))
            if not learned and not orders.poll(LEARN_AFTER_S):
                compiler.learn(order)
                learned = True
            # What it knows now it will know for ever; to look through it again and again would slow down every build.
            gc.collect()
            gc.freeze()


def _message(outcome: Outcome) -> bytes:
    active = None if outcome.active is None else asdict(outcome.active)
    return orjson.dumps({**asdict(outcome), "active": active})


def _outcome(raw: bytes) -> Outcome:
    table = orjson.loads(raw)
    active = None if table["active"] is None else Active.from_json(orjson.dumps(table["active"]))
    return Outcome(
        **{**table, "active": active, "problems": tuple(table["problems"]), "warnings": tuple(table["warnings"])}
    )


def _in_force(active: Active) -> dict[str, Any]:
    return {
        "number": active.number,
        "source": active.source,
        "file": active.file,
        "sha256": active.sha256,
        "names": active.names,
        "policies": {name: policy.version for name, policy in active.policies.items()},
        "applied_at": active.applied_at,
    }


def _described(active: Active) -> str:
    versions = ", ".join(f"{name} {policy.version}" for name, policy in active.policies.items())
    return f"DLP policies of version {active.number} ({versions})"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
