"""`synapse dlp check`: what is wrong with a file of policies or of rules, all of it, before it can come into force."""

import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .database import fail
from .dlp_choice import is_rules
from .options import JsonOption
from .output import print_json


def check(
    file: Annotated[Path, typer.Argument(help="A policy file, or a file of rules.", show_default=False)],
    *,
    json: JsonOption = False,
) -> None:
    """Compile a policy file, or a file of rules, and try its own examples. Nothing is changed.

    Prints every problem with its line and its remedy; exit code 1 when there is one.

    Example: synapse dlp check dlp.toml
    """
    problems = problems_of(file)
    if json:
        print_json({"problems": problems})
    else:
        print_problems(problems)
    if problems:
        raise typer.Exit(1)
    if not json:
        typer.echo(f"{file} is in order.")


def print_problems(problems: Sequence[Mapping[str, Any]]) -> None:
    from ..policy_build import problem_text

    for problem in problems:
        typer.echo(problem_text(problem), err=True)


def problems_of(file: Path) -> list[Mapping[str, Any]]:
    """Everything that is wrong with a file."""
    from ..dlp import load_catalogue
    from ..policy_build import Refused, compile_document
    from ..policy_directory import PolicyDirectory

    source = read_source(file)
    if is_rules(source.text):
        return _rule_problems(file, source.text)
    with tempfile.TemporaryDirectory(prefix="synapse-dlp-") as directory:
        kept = PolicyDirectory(Path(directory))
        kept.make()
        try:
            compile_document(load_catalogue(), kept, source)
        except Refused as refused:
            return list(refused.problems)
    return []


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
    from ..dlp import Problem, RuleError, check_rules, load_rules
    from ..dlp.toml_lines import TomlLines

    try:
        rules = load_rules(text)
        found, order = check_rules(rules), [rule.id for rule in rules]
    except RuleError as error:
        found = [Problem(error.rule, error.reason)]
        order = [str(table.get("id")) for table in tomllib.loads(text)["rule"]]
    lines = TomlLines(text)
    return [_as_problem(file, problem, lines.of(("rule", _index(problem.rule, order)))) for problem in found]


def _index(rule: str, order: Sequence[str]) -> int:
    return order.index(rule) if rule in order else 0


def _as_problem(file: Path, problem: Any, line: int) -> Mapping[str, Any]:
    reason, _, remedy = problem.message.partition("; ")
    return {
        "file": str(file),
        "line": line,
        "subject": f"rule {problem.rule}",
        "reason": reason,
        "remedy": remedy or "correct the rule or the example",
    }
