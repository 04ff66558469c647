"""What commands print: a table for people, JSON for programs."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer

# A table that is not printed to a terminal is not cut to the width of one.
PLAIN_WIDTH = 200


def print_json(value: Any) -> None:
    """One JSON document; dataclasses and times are fine."""
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """A table, or the sentence `empty`, which says what to do next."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        typer.echo(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # As text, since rich would read [brackets] in a purpose as markup.
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """What there is to know about one thing: a name and a value on each line, the empty ones left out."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in fields:
        if value:
            table.add_row(Text(name, style="bold"), Text(value))
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)


def day(moment: datetime | None) -> str:
    """A moment as people read it, to the minute and in UTC; nothing is a hyphen."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
