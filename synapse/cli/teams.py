"""`synapse teams`: who is accountable for keys."""

from typing import Annotated

import typer

from .database import Place, change
from .options import ConfigOption, JsonOption, StateDirOption
from .output import day, print_json, print_table

app = typer.Typer(help="Teams: who is accountable for keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The team's name. It cannot be changed: the audit log shows it.")],
    *,
    contact: Annotated[str, typer.Option(help="Whom to ask about this team, such as an e-mail address.")],
    time_zone: Annotated[str, typer.Option(help="Where the team works, such as Europe/Berlin.")] = "UTC",
    business_hours: Annotated[
        str | None,
        typer.Option(help="When requests are expected, such as 'mon-fri 08:00-18:00'.", show_default="any time"),
    ] = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Create a team.

    Example: synapse teams create payments --contact payments@example.com --time-zone Europe/Berlin
    """
    from ..postgres import store

    team = change(
        Place(state_dir, config),
        lambda connection: store.create_team(
            connection, name=name, contact=contact, time_zone=time_zone, business_hours=business_hours
        ),
    )
    if json:
        print_json(team)
    else:
        typer.echo(f"Created team {team.name}. Next: synapse keys create --team '{team.name}' --purpose … --model …")


@app.command("list")
def list_(*, json: JsonOption = False, state_dir: StateDirOption = None, config: ConfigOption = None) -> None:
    """List all teams."""
    from ..postgres import store

    teams = change(Place(state_dir, config), store.list_teams)
    if json:
        print_json(teams)
        return
    print_table(
        ("name", "contact", "time zone", "business hours", "created"),
        [
            (team.name, team.contact, team.time_zone, team.business_hours or "any time", day(team.created_at))
            for team in teams
        ],
        empty="There are no teams yet: synapse teams create NAME --contact ADDRESS",
    )
