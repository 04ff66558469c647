"""Reads the named queries of a `.sql` file: each begins with `-- name: something`, then says what it is for."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

_HEAD = "-- name: "


def parse_queries(text: str) -> Mapping[str, str]:
    """The statements by name. A name that comes twice is our own mistake."""
    queries: dict[str, str] = {}
    for block in text.split(_HEAD)[1:]:
        name, _, statement = block.partition("\n")
        assert name not in queries, f"the query {name} is there twice"
        queries[name.strip()] = statement.strip()
    return queries


@cache
def control_queries() -> Mapping[str, str]:
    """The queries of `queries.sql`, read once."""
    return parse_queries((Path(__file__).parent / "queries.sql").read_text(encoding="utf-8"))
