"""Which rules a command works with: those of a policy, of some packs, or of a file that somebody is writing."""

import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from ..dlp import Catalogue, Rule, Ruleset
    from ..dlp.options import PolicyOptions
    from ..dlp.policy_document import PolicyDocument, PolicyDocumentError

EVERY_PACK = "all"
DEFAULT_POLICY = "default"
# Fewer are compiled before anybody looks up.
_QUICK_RULES_MAX = 50

PolicyOption = Annotated[
    str | None, typer.Option("--policy", metavar="NAME", help="The rules of this policy.", show_default=DEFAULT_POLICY)
]
PacksOption = Annotated[
    str | None,
    typer.Option("--packs", metavar="NAME,…", help="The rules of these packs instead, or `all`.", show_default=False),
]
FromOption = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="A policy file of your own, or a file of rules.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rules, and what they are called to somebody who asked for them. `every` are those that could have been chosen."""

    name: str
    rules: "Sequence[Rule]"
    every: "Sequence[Rule]"
    source: Path | None = None
    options: "PolicyOptions | None" = None

    def compiled(self) -> "Ruleset":
        """Now, or by an earlier command."""
        from ..dlp import RuleError
        from ..dlp.options import DEFAULT_OPTIONS
        from .dlp_cache import cache_folder, compiled

        options = self.options or DEFAULT_OPTIONS
        try:
            return compiled(
                self.rules, name=self.name, options=options, folder=cache_folder(), before_compiling=self._say
            )
        except RuleError as error:
            _refuse(self.source, [str(error)])

    def _say(self) -> None:
        """To somebody who would wonder why nothing happens."""
        if sys.stderr.isatty() and len(self.rules) > _QUICK_RULES_MAX:
            typer.echo(f"Compiling {len(self.rules)} rules, once; they are kept.", err=True)


def chosen(policy: str | None, packs: str | None, source: Path | None) -> Chosen:
    if policy is not None and packs is not None:
        raise typer.BadParameter("give either --policy or --packs")
    text = "" if source is None else _read(source)
    if source is not None and is_rules(text):
        if policy is not None:
            raise typer.BadParameter(f"{source} has rules and no policies; leave --policy out")
        return _of_file(source, text, packs)
    return _of_document(policy, packs, source, text)


def is_rules(text: str) -> bool:
    """Rules come in files of `[[rule]]`, as those that come with Synapse; everything else is a policy file."""
    try:
        return "rule" in tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False


def _of_file(source: Path, text: str, packs: str | None) -> Chosen:
    from ..dlp import load_all_rules
    from ..dlp.policy_document import PolicyDocumentError, read_rule_file

    try:
        own = read_rule_file(text).rules
    except PolicyDocumentError as error:
        _refuse(source, _said(error))
    rules = own if packs is None else _of_packs(packs, own)
    return Chosen(f"--from {source}", rules, (*load_all_rules(), *own), source)


def _of_document(policy: str | None, packs: str | None, source: Path | None, text: str) -> Chosen:
    from ..dlp import load_catalogue

    catalogue = load_catalogue()
    document = _document(catalogue, source, text)
    every = (*catalogue.rules, *document.rules)
    if packs is not None:
        return Chosen(f"--packs {packs}", _of_packs(packs, every), every, source)
    name = policy or DEFAULT_POLICY
    if name not in (known := catalogue.names(document)):
        hint = "" if source else "; --from FILE reads your own"
        raise typer.BadParameter(
            f"there is no policy {name!r}; there are: {', '.join(known)}{hint}", param_hint="--policy"
        )
    resolved = catalogue.resolve(name, document)
    return Chosen(f"the policy {name}", resolved.rules, every, source, resolved.options)


def _document(catalogue: "Catalogue", source: Path | None, text: str) -> "PolicyDocument":
    from ..dlp.policy_document import PolicyDocumentError

    try:
        return catalogue.read(text)
    except PolicyDocumentError as error:
        _refuse(source, _said(error))


def _of_packs(names: str, every: "Sequence[Rule]") -> "Sequence[Rule]":
    if names == EVERY_PACK:
        return every
    known = sorted({rule.pack for rule in every})
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        what = f"there is no pack {', '.join(unknown)}" if unknown else "no pack is named"
        raise typer.BadParameter(f"{what}; there are: {', '.join(known)}, or all", param_hint="--packs")
    return [rule for rule in every if rule.pack in wanted]


def _read(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        typer.echo(f"synapse: {source}: it cannot be read ({why}).", err=True)
        raise typer.Exit(2) from None


def _said(error: "PolicyDocumentError") -> list[str]:
    return [f"line {problem.line}: {problem}" for problem in error.problems]


def _refuse(source: Path | None, problems: Iterable[str]) -> NoReturn:
    for problem in problems:
        typer.echo(f"synapse: {source}: {problem}.", err=True)
    typer.echo("`synapse dlp check` says more.", err=True)
    raise typer.Exit(2)
