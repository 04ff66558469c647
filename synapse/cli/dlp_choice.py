"""Which rules a command works with: those of a policy, or those of some packs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..dlp import Rule, Ruleset

EVERY_PACK = "all"
DEFAULT_POLICY = "default"

PolicyOption = Annotated[
    str | None, typer.Option("--policy", metavar="NAME", help="The rules of this policy.", show_default=DEFAULT_POLICY)
]
PacksOption = Annotated[
    str | None,
    typer.Option("--packs", metavar="NAME,…", help="The rules of these packs instead, or `all`.", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Rules, and what they are called to somebody who asked for them."""

    name: str
    rules: "Sequence[Rule]"

    def compiled(self) -> "Ruleset":
        """Now, or by an earlier command."""
        from .dlp_cache import cache_folder, compiled

        return compiled(self.rules, name=self.name, folder=cache_folder())


def chosen(policy: str | None, packs: str | None) -> Chosen:
    if packs is None:
        name = policy or DEFAULT_POLICY
        return Chosen(f"the policy {name}", _of_policy(name))
    if policy is not None:
        raise typer.BadParameter("give either --policy or --packs")
    return Chosen(f"--packs {packs}", _of_packs(packs))


def _of_policy(name: str) -> "Sequence[Rule]":
    from ..dlp import load_default_rules

    if name != DEFAULT_POLICY:
        raise typer.BadParameter(f"there is no policy {name!r}; there is: {DEFAULT_POLICY}", param_hint="--policy")
    return load_default_rules()


def _of_packs(names: str) -> "Sequence[Rule]":
    from ..dlp import load_all_rules

    rules = load_all_rules()
    if names == EVERY_PACK:
        return rules
    known = sorted({rule.pack for rule in rules})
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        what = f"there is no pack {', '.join(unknown)}" if unknown else "no pack is named"
        raise typer.BadParameter(f"{what}; there are: {', '.join(known)}, or all", param_hint="--packs")
    return [rule for rule in rules if rule.pack in wanted]
