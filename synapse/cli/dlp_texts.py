"""The texts that a command is given: whole files, or one in each JSON line. What cannot be read is said, not lost."""

import errno
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

STDIN = "-"
# A text is scanned in memory, with its shadow and its redaction: some four times its size. Larger than any prompt.
TEXT_BYTES_MAX = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Given:
    """A text, and by what name it is answered. `notice` is what its reader should know about it."""

    id: Any
    text: str
    size_bytes: int
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In place of a text: its id where there is one, and what is wrong, with file and line."""

    id: Any
    problem: str
    size_bytes: int = 0


def whole_files(paths: Sequence[str]) -> Iterator[Given | Unreadable]:
    """Each file is one text; its id is its name."""
    for path in paths:
        try:
            with _opened(path) as stream:
                content = stream.read(TEXT_BYTES_MAX + 1)
        except OSError as error:
            yield Unreadable(path, _cannot_read(path, error))
            continue
        if len(content) > TEXT_BYTES_MAX:
            yield Unreadable(path, f"{_named(path)}: it is {_too_large()}; cut it into parts and scan those")
            continue
        text, notice = _decoded(content, _named(path))
        yield Given(path, text, len(content), notice)


def json_lines(paths: Sequence[str]) -> Iterator[Given | Unreadable]:
    """Each line is an object with an id and a text. Empty lines are passed over."""
    for path in paths:
        try:
            with _opened(path) as stream:
                for number, line, size in _lines(stream):
                    place = f"{_named(path)}:{number}"
                    if line is None:
                        yield Unreadable(None, f"{place}: the line is {_too_large()}; cut the text", size)
                    elif line.strip():
                        yield _of_line(line, place)
        except OSError as error:
            yield Unreadable(None, _cannot_read(path, error))


def size_bytes_of(paths: Sequence[str]) -> int | None:
    """Of all files together; None when it cannot be known."""
    total = 0
    for path in paths:
        if path == STDIN or not Path(path).is_file():
            return None
        total += Path(path).stat().st_size
    return total


def _opened(path: str) -> Any:
    if path != STDIN:
        return Path(path).open("rb")
    if sys.stdin is None:  # `<&-` in a shell
        raise OSError(errno.EBADF, "it is closed")
    return nullcontext(sys.stdin.buffer)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None, int]]:
    """Number, content and size of each line; None for one that is too long to be kept."""
    number = 0
    # A line at a time, and not a block of them: another program may wait for each answer before it goes on.
    while line := stream.readline(TEXT_BYTES_MAX):
        number += 1
        size = len(line)
        if size < TEXT_BYTES_MAX or line.endswith(b"\n"):
            yield number, line, size
            continue
        while (rest := stream.readline(TEXT_BYTES_MAX)) and not rest.endswith(b"\n"):
            size += len(rest)
        yield number, None, size + len(rest)


def _of_line(line: bytes, place: str) -> Given | Unreadable:
    decoded, notice = _decoded(line, place)
    try:
        # Python's own parser keeps what the fast one refuses or rounds: long integers, half of a surrogate pair.
        record = json.loads(decoded.removeprefix("\ufeff"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return Unreadable(None, f"{place}: it is not JSON ({_reason(error)})", len(line))
    if not isinstance(record, dict) or "text" not in record:
        id_ = record.get("id") if isinstance(record, dict) else None
        return Unreadable(id_, f'{place}: it has no "text"; write {{"id": …, "text": "…"}}', len(line))
    if not isinstance(record["text"], str):
        return Unreadable(record.get("id"), f'{place}: its "text" is not a string', len(line))
    return Given(record.get("id"), record["text"], len(line), notice)


def _decoded(content: bytes, place: str) -> tuple[str, str]:
    """The text, and a notice when it is not quite what was given."""
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        replaced = content.decode("utf-8", "replace")
        return replaced, f"{place}: it is not UTF-8 at byte {error.start}; scanned with U+FFFD for what is not"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _reason(error: ValueError | RecursionError) -> str:
    """In the parser's words where they do not repeat the line."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
    return "it is nested too deep" if isinstance(error, RecursionError) else "it has a number that cannot be read"


def _named(path: str) -> str:
    return "standard input" if path == STDIN else path


def _cannot_read(path: str, error: OSError) -> str:
    return f"{_named(path)}: it cannot be read ({error.strerror})"


def _too_large() -> str:
    return f"larger than {TEXT_BYTES_MAX >> 20} MiB"
