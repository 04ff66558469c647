"""The compiled rules, kept in the state directory: compiling takes a second or two, loading milliseconds.

A file is named after what it was made of, rules and engine alike, so one that fits nothing is never read.
"""

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from .dlp import Ruleset, load_default_rules
from .dlp.ruleset import version_of
from .processes import die_with_parent
from .startup import StartupError

DEFAULT_POLICY = "default"
_DIGEST_BYTES = 32


@contextmanager
def compiled_default_ruleset(state_dir: Path) -> Iterator[Callable[[], bytes]]:
    """A function that waits for the serialised default ruleset, which is compiled meanwhile when it is not kept."""
    path = state_dir / "cache" / f"dlp-{version_of(load_default_rules())}.hs"
    kept = _read(path)
    if kept is not None:
        yield lambda: kept
        return
    with _compiling() as result:

        def compiled() -> bytes:
            dump = result()
            _keep(path, dump)
            return dump

        yield compiled


@contextmanager
def _compiling() -> Iterator[Callable[[], bytes]]:
    """Another process, since compiling holds the interpreter while the database could be started.

    Not a pool of one: that starts threads, and the parent has yet to fork its workers.
    """
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_compile, args=(sender, os.getpid()), name="rules")
    with receiver:
        with sender:
            child.start()

        def result() -> bytes:
            try:
                return receiver.recv_bytes()
            except EOFError:
                raise StartupError("The DLP rules were not compiled; the lines above say why.") from None

        try:
            yield result
        finally:
            child.kill()
            child.join()


def _compile(sender: Connection, parent: int) -> None:
    # Nothing here is worth finishing, and a Ctrl-C that reaches us too is the parent's to answer.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent(parent, signal.SIGKILL)
    sender.send_bytes(Ruleset.compile(load_default_rules(), name=DEFAULT_POLICY).dumps())


def _read(path: Path) -> bytes | None:
    """What was kept, when it is whole: a half-written or damaged file is as good as none."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, dump = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return dump if hashlib.sha256(dump).digest() == digest else None


def _keep(path: Path, dump: bytes) -> None:
    """Best effort: without the file the next start compiles again."""
    temporary = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        for old in path.parent.glob("dlp-*"):
            old.unlink()
        temporary.write_bytes(hashlib.sha256(dump).digest() + dump)
        temporary.replace(path)
