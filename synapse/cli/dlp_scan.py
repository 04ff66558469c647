"""`synapse dlp scan`: what the rules find in texts, as one JSON object for each text or as a table for people."""

import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from .dlp_choice import FromOption, PacksOption, PolicyOption, chosen
from .dlp_progress import bytes_bar
from .dlp_texts import STDIN, Given, Unreadable, json_lines, size_bytes_of, whole_files
from .dlp_verdict import verdict_on
from .options import JsonOption, SideChoice, SideOption

if TYPE_CHECKING:
    from ..dlp import Scan

# Nobody reads further; programs take --json.
ROWS_MAX = 1000
# Below this a bar would be gone before it is seen.
PROGRESS_BYTES_MIN = 2 * 2**20
BLOCKED_EXIT = 1
PROBLEM_EXIT = 2


def scan(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE…", help="Texts; standard input without one.", show_default=False)
    ] = None,
    *,
    policy: PolicyOption = None,
    packs: PacksOption = None,
    source: FromOption = None,
    side: SideOption = SideChoice.PROMPT,
    json: JsonOption = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help='Each line is {"id": …, "text": …} and is answered by one line of JSON.')
    ] = False,
) -> None:
    """Say what the rules find in texts. The texts stay on this machine, and what matched is not shown.

    Exit code 1 when something would be blocked, 2 when something could not be read or written.

    Example: synapse dlp scan --packs core,de letter.txt
    """
    from ..dlp import Side

    ruleset = chosen(policy, packs, source).compiled()
    paths = files or [STDIN]
    many = len(paths) > 1
    tally = _Tally()
    shown: Shown = _Json(listed=many and not jsonl) if json or jsonl else _Table(tally, many=many)
    total_bytes = size_bytes_of(paths)
    quiet = (jsonl and sys.stdout.isatty()) or (total_bytes is not None and total_bytes < PROGRESS_BYTES_MIN)
    with bytes_bar("scanned", total_bytes=total_bytes, quiet=quiet) as advance:
        for given in json_lines(paths) if jsonl else whole_files(paths):
            if isinstance(given, Unreadable):
                tally.problem(given.problem)
                shown.unreadable(given)
            else:
                if given.notice:
                    typer.echo(f"synapse: {given.notice}.", err=True)
                verdict = verdict_on(ruleset, given.text, Side(side))
                tally.add(given, verdict)
                shown.scanned(given, verdict)
            advance(given.size_bytes)
    shown.finish()
    if code := tally.exit_code:
        raise typer.Exit(code)


@dataclass(slots=True)
class _Tally:
    """What came out, in all."""

    texts: int = 0
    size_bytes: int = 0
    problems: int = 0
    blocked: int = 0
    with_findings: int = 0
    actions: Counter[str] = field(default_factory=Counter)

    def add(self, given: Given, verdict: "Scan") -> None:
        self.texts += 1
        self.size_bytes += given.size_bytes
        self.blocked += verdict.action == "block"
        self.with_findings += bool(verdict.findings)
        self.actions.update(finding.action for finding in verdict.findings)

    def problem(self, message: str) -> None:
        self.problems += 1
        typer.echo(f"synapse: {message}.", err=True)

    @property
    def exit_code(self) -> int:
        """Something that was not looked at weighs more than something that was found."""
        return PROBLEM_EXIT if self.problems else BLOCKED_EXIT if self.blocked else 0


class Shown(Protocol):
    """How the verdicts are shown."""

    def scanned(self, given: Given, verdict: "Scan") -> None: ...
    def unreadable(self, given: Unreadable) -> None: ...
    def finish(self) -> None: ...


class _Json:
    """An object for each text on its own line, in order and at once: another program may be waiting for it."""

    def __init__(self, *, listed: bool) -> None:
        if sys.stdout is None:  # `>&-` in a shell
            raise _cannot_write("it is closed")
        self._out = sys.stdout.buffer
        self._listed = listed
        self._before = b"[\n" if listed else b""

    def scanned(self, given: Given, verdict: "Scan") -> None:
        self._put(result_of(given.id, verdict))

    def unreadable(self, given: Unreadable) -> None:
        # Without `findings` nobody can take it for a clean text, and who counts lines does not lose count.
        self._put({"id": given.id, "error": given.problem})

    def _put(self, result: dict[str, Any]) -> None:
        self._write(self._before + encoded(result) + (b"" if self._listed else b"\n"))
        self._before = b",\n" if self._listed else b""

    def finish(self) -> None:
        if self._listed:
            self._write(b"\n]\n")

    def _write(self, line: bytes) -> None:
        try:
            self._out.write(line)
            self._out.flush()
        except OSError as error:
            # What is still in the buffer would be written, and fail, once more at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
            raise _cannot_write(error.strerror) from error


class _Table:
    """A row for each finding, and the totals."""

    def __init__(self, tally: _Tally, *, many: bool) -> None:
        self._tally = tally
        self._many = many
        self._rows: list[list[str]] = []
        self._left_out = 0

    def scanned(self, given: Given, verdict: "Scan") -> None:
        from .dlp_excerpts import Excerpts, Places

        room = ROWS_MAX - len(self._rows)
        self._left_out += max(0, len(verdict.findings) - room)
        if not verdict.findings or not room:
            return
        places, excerpts = Places(given.text), Excerpts(given.text, verdict.findings)
        file = [str(given.id)] if self._many else []
        for finding in verdict.findings[:room]:
            where = places.of(finding.start)
            self._rows.append([*file, finding.rule, finding.action, where, excerpts.around(finding)])

    def unreadable(self, given: Unreadable) -> None:
        pass

    def finish(self) -> None:
        from .output import print_table

        columns = ["rule", "action", "place", "excerpt, matches masked"]
        if self._rows:
            print_table(["file", *columns] if self._many else columns, self._rows, empty="")
        if self._left_out:
            typer.echo(f"… and {self._left_out} more; --json has all of them.")
        typer.echo(_totals(self._tally))


def _cannot_write(why: str | None) -> typer.Exit:
    """An answer that nobody got is none: the code must not say that all texts were clean, or that one was blocked."""
    typer.echo(f"synapse: standard output: it cannot be written ({why}).", err=True)
    return typer.Exit(PROBLEM_EXIT)


def result_of(id_: Any, verdict: "Scan") -> dict[str, Any]:
    """The object that other programs rely on; offsets are code points of the text as it was given."""
    return {
        "id": id_,
        "findings": [
            {
                "rule": finding.rule,
                "category": finding.category,
                "action": finding.action,
                "start": finding.start,
                "end": finding.end,
            }
            for finding in verdict.findings
        ],
        "action": verdict.action,
        "redacted": verdict.redacted,
    }


def encoded(result: dict[str, Any]) -> bytes:
    import orjson

    try:
        return orjson.dumps(result)
    except TypeError:  # half of a surrogate pair, or an integer of more than 64 bits
        return json.dumps(result, separators=(",", ":")).encode("ascii")


def _totals(tally: _Tally) -> str:
    texts = "1 text" if tally.texts == 1 else f"{tally.texts} texts"
    size = f"{tally.size_bytes / 1024:,.1f} KB"
    if not tally.texts:
        return "No text was scanned."
    if not tally.with_findings:
        return f"Nothing found in {texts}, {size}."
    counts = ", ".join(f"{tally.actions[action]} {action}" for action in ("block", "redact", "alert"))
    return f"{tally.actions.total()} found in {tally.with_findings} of {texts}, {size}: {counts}."
