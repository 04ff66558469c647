"""`synapse dlp`: the rules that texts are scanned with."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from . import dlp_explain, dlp_rules, dlp_scan
from .database import fail
from .options import JsonOption
from .output import print_json

app = typer.Typer(help="Data-loss prevention: rules and policies.", no_args_is_help=True)
app.command()(dlp_scan.scan)
app.command()(dlp_explain.explain)
app.command()(dlp_rules.rules)
app.command()(dlp_rules.bench)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A TOML file of rules.", show_default=False)], *, json: JsonOption = False
) -> None:
    """Compile the rules of a file and try their own examples. Prints every problem; exit code 1 when there is one.

    Example: synapse dlp check rules.toml
    """
    from ..dlp import Problem, RuleError, check_rules, load_rules

    try:
        problems = check_rules(load_rules(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}.")
    except tomllib.TOMLDecodeError as error:
        fail(f"{file} is not valid TOML: {error}.")
    except RuleError as error:
        problems = [Problem(error.rule, error.reason)]
    if json:
        print_json({"problems": problems})
    for problem in () if json else problems:
        typer.echo(f"{file}: rule {problem.rule}: {problem.message}", err=True)
    if problems:
        raise typer.Exit(1)
    if not json:
        typer.echo(f"{file} is in order.")
