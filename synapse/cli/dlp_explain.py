"""`synapse dlp explain`: what a rule looks for, and why it does or does not match a text."""

import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from .dlp_choice import Chosen, FromOption, PacksOption, PolicyOption, chosen
from .dlp_excerpts import MASK
from .dlp_texts import STDIN
from .dlp_verdict import verdict_on
from .options import JsonOption, SideChoice, SideOption
from .output import print_fields, print_json, print_table

if TYPE_CHECKING:
    from ..dlp import Rule, Side
    from ..dlp.explain import Near

_STRENGTHS = {
    "S": "its shape or checksum is proof enough",
    "C": "its checksum is nearly proof: one number in ten passes by chance",
    "X": "it needs a word of its context",
}
# What is shown of a secret among the examples.
_SHOWN_CHARS = 4
# The cores of one rule tend to be alike.
_LINES_SHOWN = 8
# A rule that lacks more than this is not near, unless it was asked for.
_FAILURES_MAX = 1


def explain(
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", show_default=False, help="The id of a rule.")] = None,
    *,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="TEXT|-", help="Why it matches this, or not. - reads standard input."),
    ] = None,
    policy: PolicyOption = None,
    packs: PacksOption = None,
    source: FromOption = None,
    side: SideOption = SideChoice.PROMPT,
    json: JsonOption = False,
) -> None:
    """Say everything about a rule; or, of a text, which rules match it and which nearly do, and what they lack.

    Example: synapse dlp explain credit_card --text 'card 4111 1111 1111 1112'
    """
    from ..dlp import Side

    if rule is None and text is None:
        _usage("give the id of a rule, --text, or both")
    in_force = chosen(policy, packs, source)
    # Those in force as they act there.
    known = {one.id: one for one in (*in_force.every, *in_force.rules)}
    if rule is not None and rule not in known:
        _usage(f"there is no rule {rule!r}; {_hint(rule, known)}")
    if text is None:
        assert rule is not None
        _print_rule(known[rule], json=json)
        return
    content = _content(text)
    near = _near(content, list(known.values()) if rule is None else [known[rule]], in_force, Side(side))
    if json:
        print_json([_as_table(one, known[one.rule]) for one in near])
    else:
        _print_near(content, near, known, asked=rule)


def _usage(message: str) -> NoReturn:
    raise typer.BadParameter(message)


def _hint(rule: str, known: Iterable[str]) -> str:
    alike = difflib.get_close_matches(rule, known, n=3)
    return f"is it {', '.join(alike)}?" if alike else "`synapse dlp rules` lists all"


def _content(text: str) -> str:
    from ..dlp.explain import TEXT_CHARS_MAX

    content = text
    if text == STDIN:
        content = sys.stdin.buffer.read(TEXT_CHARS_MAX * 4 + 1).decode("utf-8", "replace")
    if len(content) > TEXT_CHARS_MAX:
        _usage(f"the text is longer than {TEXT_CHARS_MAX:,} characters; give the part that matters")
    return content


def _near(content: str, asked: "Sequence[Rule]", in_force: Chosen, side: "Side") -> "list[Near]":
    from ..dlp.explain import Scanned, near_matches, near_shape

    on = {rule.id for rule in in_force.rules}
    off = {
        rule.id: f"{in_force.name} does not have it; it is in the pack {rule.pack}"
        for rule in asked
        if rule.id not in on
    }
    findings = verdict_on(in_force.compiled(), content, side).findings
    only = {rule.id for rule in asked}
    scanned = Scanned(content, side, findings, off)
    near = [one for one in near_matches(asked, scanned) if one.rule in only]
    if not near and len(asked) == 1 and (begun := near_shape(asked[0], scanned)):
        return [begun]
    return near


def _as_table(near: "Near", rule: "Rule") -> dict[str, Any]:
    return {
        "rule": near.rule,
        "start": near.start,
        "end": near.end,
        "matched": near.matched,
        "prompt": rule.prompt,
        "answer": rule.answer,
        "failures": [{"condition": one.condition, "message": one.message} for one in near.failures],
    }


def _print_near(content: str, near: "Sequence[Near]", rules: "Mapping[str, Rule]", *, asked: str | None) -> None:
    from .dlp_excerpts import Places

    places = Places(content)
    shown = list(near) if asked else _telling(near, content)
    rows = [
        [
            one.rule,
            places.of(one.start),
            "yes" if one.matched else "no",
            *(() if asked else _actions(one, rules[one.rule])),
            "; ".join(failure.message for failure in one.failures),
        ]
        for one in shown
    ]
    nothing = (
        f"Nothing in the text looks like {asked}; `synapse dlp explain {asked}` says what would."
        if asked
        else "No rule matches the text, or nearly does."
    )
    # Of one rule it is asked what it lacks; what it does is told by `explain RULE`.
    actions = [] if asked else ["prompt", "answer"]
    print_table(["rule", "place", "matches", *actions, "why not"], rows, empty=nothing)
    if others := len(near) - len(shown):
        typer.echo(f"Places that are further from a match: {others}; name a rule, or take --json, to see them.")


def _actions(near: "Near", rule: "Rule") -> tuple[str, str]:
    """What a match leads to in a prompt and in an answer."""
    return (rule.prompt, rule.answer) if near.matched else ("-", "-")


def _telling(near: "Sequence[Near]", content: str) -> "list[Near]":
    """What somebody who named no rule wants to read: matches, and what lacks one thing.

    Any word at all only lacks a context to be a user's name, and so do the digits of a card to be the number of an
    account.
    """
    nearly = [one for one in near if len(one.failures) <= _FAILURES_MAX]
    known = [one for one in nearly if one.matched or one.failures[0].condition != "context"]

    def may_be(one: "Near") -> bool:
        elsewhere = all(one.end <= other.start or other.end <= one.start for other in known)
        return elsewhere and any(map(str.isdigit, content[one.start : one.end]))

    return [one for one in nearly if one in known or may_be(one)]


def _print_rule(rule: "Rule", *, json: bool) -> None:
    from ..dlp.explain import trigger_in_words

    masked = {**rule.to_table(), "hits": _masked(rule, rule.hits), "misses": _masked(rule, rule.misses)}
    if json:
        print_json({**masked, "triggers": trigger_in_words(rule)})
        return
    print_fields(fields_of(rule))
    for title, examples in (("finds", masked["hits"]), ("leaves alone", masked["misses"])):
        typer.echo("")
        rows = [[example["before"] + example["text"], example["why"]] for example in examples]
        print_table([title, "why"], rows, empty="")


def fields_of(rule: "Rule") -> list[tuple[str, str]]:
    """All but its examples, in words."""
    from ..dlp.explain import guards_in_words, shapes_in_words, trigger_in_words, validator_in_words

    check = rule.validator and f"{rule.validator}: {validator_in_words(rule.validator)}".removesuffix(": ")
    return [
        ("rule", rule.id),
        ("pack", f"{rule.pack}, category {rule.category}"),
        ("severity", rule.severity),
        ("action", f"{rule.prompt} in prompts, {rule.answer} in answers"),
        ("strength", f"{rule.strength}: {_STRENGTHS[rule.strength]}"),
        ("reference", rule.reference),
        ("shape", _listed(shapes_in_words(rule.core))),
        ("shape, in context", _listed(shapes_in_words(rule.core_with_context))),
        ("context, to the left", ", ".join(rule.context)),
        ("between", rule.between and f"only {shapes_in_words([rule.between])[0]} between the word and the match"),
        ("assigned", "it must be the value of an assignment to a name with such a word" if rule.assigned else ""),
        ("apart", "no digit and separator may stand before it" if rule.apart else ""),
        ("unclaimed", "no word such as `order` or `version` may lead to it" if rule.unclaimed else ""),
        ("beside it", guards_in_words(rule)),
        ("goes on over", f"[{rule.run}]" + (f", up to {rule.until}" if rule.until else "") if rule.run else ""),
        ("check", check),
        ("entropy", f"at least {rule.entropy:g} bits in each sign" if rule.entropy else ""),
        ("allowed", _listed(rule.allow)),
        ("stop words", ", ".join(rule.stop_words)),
        ("looked for first", _listed(trigger_in_words(rule))),
    ]


def _listed(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _LINES_SHOWN} more"] if len(lines) > _LINES_SHOWN else []
    return "\n".join((*lines[:_LINES_SHOWN], *more))


def _masked(rule: "Rule", examples: Sequence[Any]) -> list[dict[str, str]]:
    """The examples of secrets look like secrets; a screen is no place for them."""
    secret = rule.category == "secrets"
    return [
        {
            "before": example.before,
            "text": example.text[:_SHOWN_CHARS] + MASK if secret else example.text,
            "why": example.why,
        }
        for example in examples
    ]
