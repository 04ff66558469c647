"""Compiled rules kept for the next command: compiling takes seconds, loading a part of one.

A file is named after what it was made of, rules and engine alike, and begins with its digest: one that fits nothing is
never read, one that is damaged is as good as none.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ..dlp import Rule, Ruleset, RulesetError
from ..dlp.options import DEFAULT_OPTIONS, PolicyOptions
from ..dlp.ruleset import version_of

# Somebody who tries several policies and packs in turn keeps all of them; each takes a few megabytes.
KEPT_MAX = 12
_DIGEST_BYTES = 32


def cache_folder() -> Path | None:
    """`$XDG_CACHE_HOME/synapse`, as the XDG base directory specification has it; None where there is no home."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The specification tells to ignore a relative path.
        base = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    except RuntimeError:
        return None
    return base / "synapse"


def compiled(
    rules: Sequence[Rule],
    *,
    name: str,
    folder: Path | None,
    options: PolicyOptions = DEFAULT_OPTIONS,
    before_compiling: Callable[[], None] = lambda: None,
) -> Ruleset:
    """The rules, compiled now or by an earlier command. Raises RuleError."""
    path = None if folder is None else folder / f"rules-{version_of(rules, options)}.hs"
    if path is not None and (kept := _kept(path)) is not None:
        return kept
    before_compiling()
    ruleset = Ruleset.compile(rules, name=name, options=options)
    if path is not None:
        _keep(path, ruleset.dumps())
    return ruleset


def _kept(path: Path) -> Ruleset | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, dump = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if hashlib.sha256(dump).digest() != digest:
        return None
    try:
        return Ruleset.loads(dump)
    except RulesetError:
        return None


def _keep(path: Path, dump: bytes) -> None:
    """Best effort: without the file the next command compiles again."""
    temporary = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_room(path.parent)
        temporary.write_bytes(hashlib.sha256(dump).digest() + dump)
        temporary.replace(path)


def _make_room(folder: Path) -> None:
    """The oldest go first; what a killed command left half-written is among them."""
    kept = sorted(folder.glob("rules-*"), key=lambda path: path.stat().st_mtime)
    for old in kept[: max(0, len(kept) - KEPT_MAX + 1)]:
        old.unlink()
