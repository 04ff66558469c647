"""`synapse dlp check`: what is wrong with a file of policies or of rules, all of it, before it can come into force."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .database import fail
from .dlp_choice import is_rules
from .options import JsonOption
from .output import print_json


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is wrong with a file, and what is not and yet does nothing."""

    problems: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[Mapping[str, Any]] = ()


def check(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER", help="A policy file, a file of rules, or a folder of them.", show_default=False
        ),
    ],
    *,
    json: JsonOption = False,
) -> None:
    """Compile a policy file, or a file of rules, and try its own examples. Nothing is changed.

    Prints every problem with its line and its remedy; exit code 1 when there is one. An exception that has ended is
    told too, and is none.

    Example: synapse dlp check dlp.toml
    """
    files = _files(path)
    checked = [_checked(file) for file in files]
    problems = [problem for one in checked for problem in one.problems] + _shared_ids(files)
    warnings = [warning for one in checked for warning in one.warnings]
    if json:
        print_json({"problems": problems, "warnings": warnings})
    else:
        print_problems(problems)
        print_problems(warnings, title="warning: ")
    if problems:
        raise typer.Exit(1)
    if not json:
        typer.echo(f"{path} is in order" + (f": {len(files)} files." if path.is_dir() else "."))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(path.rglob("*.toml")) or fail(f"{path} has no TOML files.")


def _shared_ids(files: Sequence[Path]) -> list[Mapping[str, Any]]:
    """Rules of different files that have the same id: only one of them could be meant."""
    owners: dict[str, Path] = {}
    problems: list[Mapping[str, Any]] = []
    for file in files if len(files) > 1 else ():
        for rule, line in _rule_lines(file):
            other = owners.setdefault(rule, file)
            if other != file:
                reason = f"{other} has a rule of this id too"
                found = {"file": str(file), "line": line, "subject": f"rule {rule}", "reason": reason}
                problems.append({**found, "remedy": "rename one of them"})
    return problems


def _rule_lines(file: Path) -> list[tuple[str, int]]:
    from ..dlp.policy_document import PolicyDocumentError, read_rule_file

    text = read_source(file).text
    try:
        return list(read_rule_file(text).rule_lines.items()) if is_rules(text) else []
    except PolicyDocumentError:
        return []  # said already


def print_problems(problems: Sequence[Mapping[str, Any]], *, title: str = "") -> None:
    from ..policy_build import problem_text

    for problem in problems:
        typer.echo(title + problem_text(problem), err=True)


def _checked(file: Path) -> _Checked:
    from ..dlp import load_catalogue
    from ..policy_build import Refused, compile_document
    from ..policy_directory import PolicyDirectory

    source = read_source(file)
    if is_rules(source.text):
        return _Checked(_rule_problems(file, source.text))
    with tempfile.TemporaryDirectory(prefix="synapse-dlp-") as directory:
        kept = PolicyDirectory(Path(directory))
        kept.make()
        try:
            return _Checked(warnings=compile_document(load_catalogue(), kept, source).warnings)
        except Refused as refused:
            return _Checked(refused.problems)


def read_source(file: Path) -> Any:
    """The text of a file, as one that is given by a command."""
    from ..policy_build import Refused, file_source

    try:
        return file_source(file)
    except FileNotFoundError:
        fail(f"{file} cannot be read: there is no such file.")
    except Refused as refused:
        fail(f"{file}: {refused.problems[0]['reason']}; {refused.problems[0]['remedy']}.")


def _rule_problems(file: Path, text: str) -> list[Mapping[str, Any]]:
    from ..dlp.policy_check import check_own_rules
    from ..dlp.policy_document import PolicyDocumentError, read_rule_file

    try:
        problems = check_own_rules(read_rule_file(text))
    except PolicyDocumentError as error:
        problems = list(error.problems)
    return [{"file": str(file), **asdict(problem)} for problem in problems]
