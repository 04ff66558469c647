"""`synapse db`: the schema of the database."""

import asyncio

import typer

from .database import Place, database
from .options import ConfigOption, JsonOption, StateDirOption
from .output import day, print_json, print_table

app = typer.Typer(help="The database's schema. `synapse serve` upgrades it by itself.", no_args_is_help=True)


@app.command()
def upgrade(*, json: JsonOption = False, state_dir: StateDirOption = None, config: ConfigOption = None) -> None:
    """Bring the database up to date.

    Example: DATABASE_URL=postgresql://owner@db/synapse synapse db upgrade
    """
    from ..postgres import migrations

    with database(Place(state_dir, config), migrated=False) as access:
        applied = asyncio.run(migrations.upgrade(access.owner))
    if json:
        print_json({"applied": applied})
    else:
        typer.echo(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")


@app.command()
def status(*, json: JsonOption = False, state_dir: StateDirOption = None, config: ConfigOption = None) -> None:
    """Show which migrations were applied and which are missing, and whether the gateway's role is.

    With --json what is missing is said on standard error, and standard output has the migrations alone.
    """
    from ..postgres import migrations

    with database(Place(state_dir, config), migrated=False) as access:
        found = asyncio.run(migrations.status(access.owner))
        missing = asyncio.run(migrations.missing_role(access.owner))
    if json:
        print_json(found)
    else:
        print_table(
            ("migration", "applied"),
            [(one.name, day(one.applied_at)) for one in found],
            empty="There are no migrations.",
        )
    if missing is not None:
        typer.echo(
            "The role that the gateway runs as is missing. `synapse db upgrade` makes it if it may; else run this once "
            f"as an administrator: {missing}",
            err=True,
        )
