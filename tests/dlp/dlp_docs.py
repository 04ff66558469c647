"""The table of packs in docs/dlp.md. Run: .venv/bin/python tests/dlp/dlp_docs.py"""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from synapse.dlp import Rule, load_all_rules

DOCUMENT = Path(__file__).parents[2] / "docs/dlp.md"
BEGIN, END = "<!-- packs -->\n", "<!-- /packs -->\n"
# A pack with more rules than that is counted by category: nobody reads two hundred names in a table.
LISTED_MAX = 30


def packs_table(rules: Iterable[Rule]) -> str:
    """A row for each pack: how many rules of each strength, and what they are for."""
    lines = ["| pack | rules | S | C | X | what is found |", "|---|---|---|---|---|---|"]
    for pack, some in groupby(sorted(rules, key=lambda rule: (rule.pack, rule.id)), key=attrgetter("pack")):
        members = list(some)
        strengths = Counter(rule.strength for rule in members)
        counts = " | ".join(str(strengths[strength]) for strength in "SCX")
        lines.append(f"| `{pack}` | {len(members)} | {counts} | {_found(members)} |")
    return "\n".join(lines) + "\n"


def with_table(document: str, table: str) -> str:
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{table}{END}{after}"


def _found(rules: list[Rule]) -> str:
    if len(rules) <= LISTED_MAX:
        return ", ".join(f"`{rule.id}`" for rule in rules)
    categories = Counter(rule.category for rule in rules)
    return ", ".join(f"{category} ({number})" for category, number in sorted(categories.items()))


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(), packs_table(load_all_rules())))
