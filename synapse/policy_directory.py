"""What the parent and its workers share about DLP policies: files in the state directory.

`active.json` says what is in force and is replaced as a whole, so that a worker reads one version or the next one.
`compiled/` has the serialised rulesets, each named after what it was made of. `status.json` is for people and programs.
"""

import hashlib
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from .dlp import Exemption

_DIGEST_BYTES = 32
# Compiled rulesets that are kept beside those in force, for a change that is taken back: a few megabytes each.
SPARE_RULESETS_MAX = 24

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ActivePolicy:
    """A compiled policy: where its ruleset is kept, and for whom which rules are off."""

    key: str
    version: str
    exemptions: tuple[Exemption, ...] = ()


@dataclass(frozen=True, slots=True)
class Active:
    """What is in force. `generation` counts the changes; `number` is the version in the database, 0 when in none.

    `names` are all policies that keys can be bound to, `policies` those that are compiled; it is `complete` when every
    policy of the document is.
    """

    generation: int
    number: int
    source: str
    file: str | None
    sha256: str
    engine: str
    names: tuple[str, ...]
    policies: Mapping[str, ActivePolicy]
    complete: bool
    applied_at: str

    @classmethod
    def from_json(cls, raw: bytes) -> "Active":
        table = orjson.loads(raw)
        policies = {name: _policy(value) for name, value in table["policies"].items()}
        return cls(**{**table, "names": tuple(table["names"]), "policies": policies})

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Status:
    """What became of the last change. `problems` and `since` are of a change that was refused and is still there."""

    in_force: Mapping[str, Any]
    workers: int = 0
    workers_told: int = 0
    took_ms: int | None = None
    refused_since: str | None = None
    problems: tuple[Mapping[str, Any], ...] = ()
    recorded: bool = True


class PolicyDirectory:
    """`dlp/` in the state directory. Whoever uses the same state directory sees the same."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "dlp"
        self._active = self._path / "active.json"
        self._compiled = self._path / "compiled"
        self._status = self._path / "status.json"

    def make(self) -> None:
        """Raises OSError."""
        for path in (self._path, self._compiled):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def signature(self) -> Signature | None:
        """Differs whenever something else came into force."""
        return file_signature(self._active)

    def active(self) -> Active | None:
        """What is in force; None when nothing was yet, or when the file is damaged."""
        try:
            return Active.from_json(self._active.read_bytes())
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def activate(self, active: Active) -> None:
        """Raises OSError."""
        _replace(self._active, active.to_json())

    def status(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = orjson.loads(self._status.read_bytes())
        except (OSError, ValueError):
            return None
        return found

    def tell(self, status: Status) -> None:
        """Best effort: the log says it too."""
        with suppress(OSError):
            _replace(self._status, orjson.dumps(asdict(status), option=orjson.OPT_INDENT_2))

    def compiled_version(self, key: str) -> str | None:
        """The version of a ruleset that is kept whole."""
        found = self._read(key)
        return None if found is None else found[0]

    def compiled(self, key: str) -> bytes | None:
        """A serialised ruleset or database, when it is kept whole. What is used stays longer."""
        found = self._read(key)
        with suppress(OSError):
            os.utime(self._compiled / key)
        return None if found is None else found[1]

    def keep(self, key: str, *, version: str, dump: bytes) -> None:
        """Raises OSError."""
        content = version.encode() + b"\n" + dump
        _replace(self._compiled / key, _digest(content) + content)

    def was_checked(self, key: str) -> bool:
        """Whether the own rules of this hash have found their hits and nothing else."""
        return (self._compiled / f"{key}.checked").exists()

    def keep_checked(self, key: str) -> None:
        """Raises OSError."""
        (self._compiled / f"{key}.checked").touch(mode=0o600)

    def rules(self, engine: str) -> list[Mapping[str, Any]] | None:
        """The rules that come with this engine, as `keep_rules` was given them; None when they are not kept whole."""
        try:
            raw = (self._path / f"rules-{engine}").read_bytes()
            digest, content = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
            tables: list[Mapping[str, Any]] = orjson.loads(content)
        except (OSError, ValueError):
            return None
        return tables if hashlib.sha256(content).digest() == digest else None

    def keep_rules(self, engine: str, tables: Sequence[Mapping[str, Any]]) -> None:
        """Raises OSError."""
        for old in self._path.glob("rules-*"):
            old.unlink(missing_ok=True)
        content = orjson.dumps(tables)
        _replace(self._path / f"rules-{engine}", hashlib.sha256(content).digest() + content)

    def prune(self, keep: Collection[str]) -> None:
        """Remove rulesets that are not in force, but for the youngest ones. Best effort."""
        with suppress(OSError):
            spare = [path for path in self._compiled.iterdir() if path.name not in keep]
            spare.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
            for path in spare[SPARE_RULESETS_MAX:]:
                path.unlink(missing_ok=True)

    def _read(self, key: str) -> tuple[str, bytes] | None:
        try:
            raw = (self._compiled / key).read_bytes()
        except OSError:
            return None
        digest, content = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if _digest(content) != digest:
            return None
        version, _, dump = content.partition(b"\n")
        return version.decode(), dump


def _digest(content: bytes) -> bytes:
    """Of what is kept whole here: Hyperscan's databases are of no use on another kind of machine."""
    return hashlib.sha256(platform.machine().encode() + b"\n" + content).digest()


def file_signature(path: Path) -> Signature | None:
    """What changes with every change of a file; None when it is not there or cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _policy(table: Mapping[str, Any]) -> ActivePolicy:
    exemptions = (Exemption(**{**one, "rules": tuple(one["rules"])}) for one in table["exemptions"])
    return ActivePolicy(table["key"], table["version"], tuple(exemptions))


def _replace(path: Path, content: bytes) -> None:
    """The file as a whole or as it was. Readable by its owner: own rules may quote what they are to find."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
