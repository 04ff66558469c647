"""`synapse dlp rules` and `synapse dlp bench`: which rules there are, and what they cost."""

import platform
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .dlp_choice import EVERY_PACK, FromOption, PacksOption, PolicyOption, chosen
from .dlp_progress import steps_bar
from .options import JsonOption
from .output import print_json, print_table

if TYPE_CHECKING:
    from ..dlp import Rule
    from .dlp_cost import Cost, RuleCost

# What long texts cost tells whether the engine is linear.
_SIZES_CHARS = {"1 KB": 1024, "10 KB": 10_240, "100 KB": 102_400}
_COLUMNS = ("rule", "pack", "category", "severity", "strength", "prompt", "answer")


def rules(
    *,
    policy: PolicyOption = None,
    packs: Annotated[
        str | None,
        typer.Option("--packs", "--pack", metavar="NAME,…", help="Those of these packs.", show_default="all"),
    ] = None,
    source: FromOption = None,
    cost: Annotated[bool, typer.Option("--cost", help="Measure each; takes a while.")] = False,
    json: JsonOption = False,
) -> None:
    """List the rules with their pack, strength and actions.

    Example: synapse dlp rules --packs de,fr
    """
    # Without a choice it is the catalogue, and not what happens to be in force.
    listed = chosen(policy, EVERY_PACK if policy is None and packs is None else packs, source).rules
    costs = {one.rule.id: one for one in _measured(listed)} if cost else {}
    if json:
        print_json([_as_table(rule, costs.get(rule.id)) for rule in listed])
        return
    columns = [*_COLUMNS, *(["µs/KB clean", "personal", "hostile", "looks"] if cost else [])]
    rows = [[str(value) for value in (*_row(rule), *_own_figures(costs.get(rule.id)))] for rule in listed]
    print_table(columns, rows, empty="No rules: the policy has none.")
    totals = Counter(rule.pack for rule in listed)
    typer.echo("\n" + ", ".join(f"{pack} {number}" for pack, number in sorted(totals.items())))
    typer.echo(f"{_counted(len(listed), 'rule')} in {_counted(len(totals), 'pack')}.")


def bench(
    *,
    policy: PolicyOption = None,
    packs: PacksOption = None,
    source: FromOption = None,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            min=0,
            help="How many of the dearest rules to list; to measure each takes minutes, 0 measures none.",
        ),
    ] = 20,
    json: JsonOption = False,
) -> None:
    """Measure the rules on varied text: µs for each KB, in all and for each rule. Read the figures as ratios.

    The texts are clean (prose in some languages, code, logs), personal (the
    same with three matches in each KB) and hostile (nothing but what nearly
    matches). Looks are the places in a KB of clean text where a rule's trigger
    fires.

    Example: synapse dlp bench --packs all --top 10
    """
    from .dlp_cost import cost_of_all

    ruleset = chosen(policy, packs, source).compiled()
    in_all = {}
    with steps_bar("all rules", steps=len(_SIZES_CHARS)) as after_each:
        for name, size_chars in _SIZES_CHARS.items():
            in_all[name] = cost_of_all(ruleset, text_chars=size_chars)
            after_each()
    each = sorted(_measured(ruleset.rules), key=_dearest, reverse=True) if top else []
    if json:
        print_json(
            {
                "machine": _machine(),
                "rules": len(ruleset.rules),
                "us_per_kb": in_all,
                "us_per_kb_of_rule": [
                    {"rule": one.rule.id, "pack": one.rule.pack, **one.cost, "looks_per_kb": one.looks_per_kb}
                    for one in each
                ],
            }
        )
        return
    typer.echo(f"{_counted(len(ruleset.rules), 'rule')}; {', '.join(_machine().values())}\n")
    kinds = list(in_all["1 KB"])
    print_table(["µs/KB of all rules", *kinds], [[name, *_figures(one)] for name, one in in_all.items()], empty="")
    if each:
        typer.echo("")
        rows = [[one.rule.id, one.rule.pack, *_own_figures(one)] for one in each[:top]]
        print_table(["µs/KB of the dearest, each alone", "pack", *kinds, "looks"], rows, empty="")


def _measured(rules: "Sequence[Rule]") -> "list[RuleCost]":
    from .dlp_cost import cost_of_each

    with steps_bar("rules", steps=len(rules)) as after_each:
        return cost_of_each(rules, after_each=after_each)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _dearest(one: "RuleCost") -> tuple[float, float]:
    return one.cost["clean"], one.cost["hostile"]


def _row(rule: "Rule") -> tuple[str, ...]:
    return rule.id, rule.pack, rule.category, rule.severity, rule.strength, rule.prompt, rule.answer


def _figures(cost: "Cost") -> list[str]:
    return [f"{us:.2f}" for us in cost.values()]


def _own_figures(measured: "RuleCost | None") -> list[str]:
    return [] if measured is None else [*_figures(measured.cost), f"{measured.looks_per_kb:.2f}"]


def _as_table(rule: "Rule", measured: "RuleCost | None") -> dict[str, Any]:
    known = dict(zip(_COLUMNS, _row(rule), strict=True))
    if measured is None:
        return known
    return {**known, "us_per_kb": measured.cost, "looks_per_kb": measured.looks_per_kb}


def _machine() -> dict[str, str]:
    return {
        "machine": platform.machine(),
        "python": f"Python {platform.python_version()}",
        "hyperscan": f"hyperscan {metadata.version('hyperscan')}",
    }
