"""Rules compiled once, as plain data that other processes on the same machine can load within milliseconds."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import hyperscan

from .._dlp import Live, Scanner
from .findings import Side
from .live import LiveTable, live_tables
from .patterns import (
    Claim,
    Expression,
    Pattern,
    Run,
    compile_cores,
    compile_database,
    expressions_of,
    find_hints,
    find_shapes,
    load_database,
)
from .rules import Rule
from .shapes import ShapeTable, shape_table

CompileDatabase = Callable[[Sequence[Expression]], bytes]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the rules of a policy are made into. `lives` are the live tables of each group of patterns; see `group`."""

    rules: tuple[Rule, ...]
    patterns: tuple[Pattern, ...]
    hints: Sequence[tuple[Sequence[int], int]]  # for each number that the database reports, the patterns and the reach
    shapes: ShapeTable
    claims: Sequence[Claim]  # for each shape
    lives: Mapping[str, Sequence[LiveTable]]
    databases: Sequence[bytes] = field(repr=False)

    def scanner(self) -> Scanner:
        return Scanner(
            map(load_database, self.databases),
            make_scratch=hyperscan.Scratch,
            hints=self.hints,
            shapes=self.shapes.automaton(),
            claims=[(claim.always, claim.behind_words, claim.widest) for claim in self.claims],
        )

    def automata(self) -> dict[str, list[Live]]:
        """Of each group of patterns."""
        return {name: [table.automaton() for table in tables] for name, tables in self.lives.items()}

    def to_table(self) -> dict[str, Any]:
        """All but the databases, as plain data."""
        numbers = {rule.id: number for number, rule in enumerate(self.rules)}
        return {
            "rules": [rule.to_table() for rule in self.rules],
            "patterns": [_to_row(pattern, numbers[pattern.rule.id]) for pattern in self.patterns],
            "hints": self.hints,
            "shapes": self.shapes.to_table(),
            "claims": [asdict(claim) for claim in self.claims],
            "lives": {name: [table.to_table() for table in tables] for name, tables in self.lives.items()},
        }

    @classmethod
    def from_table(cls, table: Mapping[str, Any], rules: tuple[Rule, ...], *, databases: Sequence[bytes]) -> Self:
        return cls(
            rules=rules,
            patterns=tuple(_from_row(index, row, rules) for index, row in enumerate(table["patterns"])),
            hints=table["hints"],
            shapes=ShapeTable(**table["shapes"]),
            claims=[Claim(**claim) for claim in table["claims"]],
            lives={name: [LiveTable(**one) for one in tables] for name, tables in table["lives"].items()},
            databases=databases,
        )


def compile_rules(
    rules: tuple[Rule, ...],
    *,
    apart: Collection[str] = (),
    tried: Collection[str] = (),
    database: CompileDatabase = compile_database,
) -> Compiled:
    """Raises RuleError for a rule that cannot be compiled.

    Rules whose ids are in `apart` get a database of their own, so that a change of them leaves the other one as it is.
    `database` compiles one, or knows it already: that takes most of the time. A second one costs each scan a little.
    For `tried` see `compile_cores`.
    """
    cores = compile_cores(rules, tried=tried)
    hints = find_hints([core for core in cores if core.pattern.rule.id not in apart])
    hints_apart = find_hints([core for core in cores if core.pattern.rule.id in apart])
    shapes, claims = find_shapes(cores)
    expressions = expressions_of(hints), expressions_of(hints_apart, first=len(hints))
    lives = {
        group(side, alert=alert): live_tables([core for core in cores if acts(core.pattern, side, alert=alert)])
        for side in Side
        for alert in (False, True)
    }
    return Compiled(
        rules=rules,
        patterns=tuple(core.pattern for core in cores),
        hints=[(hint.patterns, hint.reach) for hint in (*hints, *hints_apart)],
        shapes=shape_table(shapes),
        claims=claims,
        lives=lives,
        databases=[database(wanted) for wanted in expressions if wanted],
    )


def acts(pattern: Pattern, side: Side, *, alert: bool) -> bool:
    """Whether a pattern is one of those that alert on a side, or of those that redact and block."""
    return pattern.rule.action(side) in ({"alert"} if alert else {"redact", "block"})


def group(side: Side, *, alert: bool) -> str:
    return f"{side}, {'alerts' if alert else 'acts'}"


def _to_row(pattern: Pattern, rule: int) -> list[Any]:
    run = pattern.run
    ends = None if run is None else [run.end, run.closing_width]
    matches = [pattern.narrowest, pattern.widest, pattern.reach, pattern.solid]
    return [rule, pattern.guarded, pattern.heads.hex(), *matches, ends, pattern.needs_context]


def _from_row(index: int, row: Sequence[Any], rules: Sequence[Rule]) -> Pattern:
    rule, guarded, heads, narrowest, widest, reach, solid, ends, needs_context = row
    run = None if ends is None else Run(*ends)
    return Pattern(
        index,
        rules[rule],
        guarded,
        bytes.fromhex(heads),
        narrowest=narrowest,
        widest=widest,
        reach=reach,
        solid=solid,
        run=run,
        needs_context=needs_context,
    )
