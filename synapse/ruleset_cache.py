"""The compiled rules, kept in the state directory: compiling takes a second or two, loading milliseconds.

A file is named after what it was made of, rules and engine alike, so one that fits nothing is never read.
"""

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from .dlp import Ruleset, load_default_rules
from .dlp.ruleset import version_of

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
    # Another process, since compiling holds the interpreter while the database could be started.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        compiling = pool.submit(_compile)

        def result() -> bytes:
            dump = compiling.result()
            _keep(path, dump)
            return dump

        yield result


def _compile() -> bytes:
    return Ruleset.compile(load_default_rules(), name=DEFAULT_POLICY).dumps()


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
