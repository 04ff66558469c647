"""Where the keys of a TOML document stand, which tomllib does not tell: a problem names the line to be changed."""

import re
import tomllib
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]

_PART = r"""(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_DOTTED = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
# The pieces of a value. A line feed ends it unless a bracket is open; those inside strings and comments do not count.
_PIECE = re.compile(
    r'"""(?:\\.|"{1,2}(?!")|[^"\\])*"""(?:"{0,2})'
    r"|'''(?:'{1,2}(?!')|[^'])*'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<line>\n)|[^\"'\#\[\]{}\n]+",
    re.DOTALL,
)


class TomlLines:
    """The line of each key of a document that tomllib has read. Tables within a value have the line of its key."""

    def __init__(self, document: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._elements: dict[KeyPath, int] = {}  # how many tables each `[[array]]` has so far
        self._read(document)

    def of(self, path: KeyPath) -> int:
        """The line of what is at `path`, or of the closest thing around it."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return 1

    def paths(self) -> Mapping[KeyPath, int]:
        return self._lines

    def _read(self, document: str) -> None:
        table: KeyPath = ()
        at, line = 0, 1
        while True:
            start = at
            at = _end(_SPACE, document, at)
            line += document.count("\n", start, at)
            if at >= len(document):
                return
            if document[at] == "[":
                array = document.startswith("[[", at)
                at = _end(_SPACE, document, at + 1 + array)
                names = _DOTTED.match(document, at)
                assert names is not None, "tomllib has read this document"
                table = self._table(_parts(names[0]), array=array)
                # Of an array, and of a table that only its parts open, the line is that of its first part.
                for length in range(1, len(table) + 1):
                    self._lines.setdefault(table[:length], line)
                at = _after_line(document, names.end())
                line += 1
                continue
            names = _DOTTED.match(document, at)
            assert names is not None, "tomllib has read this document"
            parts = _parts(names[0])
            for length in range(1, len(parts) + 1):
                self._lines.setdefault((*table, *parts[:length]), line)
            start, at = at, _after_value(document, document.index("=", names.end()) + 1)
            line += document.count("\n", start, at)

    def _table(self, parts: list[str], *, array: bool) -> KeyPath:
        path: KeyPath = ()
        for number, part in enumerate(parts, start=1):
            path = (*path, part)
            if array and number == len(parts):
                self._elements[path] = self._elements.get(path, 0) + 1
            if path in self._elements:
                path = (*path, self._elements[path] - 1)
        return path


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _after_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _after_value(text: str, at: int) -> int:
    depth = 0
    while (piece := _PIECE.match(text, at)) is not None:
        at = piece.end()
        depth += (piece["open"] is not None) - (piece["close"] is not None)
        if piece["line"] is not None and depth == 0:
            break
    return at


def _parts(dotted: str) -> list[str]:
    return [_name(part) for part in re.findall(_PART, dotted)]


def _name(part: str) -> str:
    return str(tomllib.loads(f"name = {part}")["name"]) if part[0] in "\"'" else part
