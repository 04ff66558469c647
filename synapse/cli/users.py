"""`synapse users`: who may sign in to the console."""

import asyncio
import sys
from typing import Annotated

import typer

from .database import Place, database, fail
from .options import ConfigOption, JsonOption, StateDirOption
from .output import print_json

app = typer.Typer(help="Users: who may sign in to the console.", no_args_is_help=True)


@app.command()
def reset_password(
    login: Annotated[str, typer.Argument(help="Whose password, such as admin.")],
    password: Annotated[
        str | None, typer.Argument(metavar="[-]", help="- reads the new password from standard input.")
    ] = None,
    *,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a user a new password, at random unless told otherwise, and end that user's sessions.

    Example: synapse users reset-password admin
    """
    from ..passwords import generate_password
    from ..postgres.users import reset_password as reset

    given = None if password is None else _given(password)
    new = given or generate_password()
    with database(Place(state_dir, config), migrated=True) as access:
        if not asyncio.run(reset(access.owner, login, new)):
            fail(f"There is no user with the login {login!r}.")
    if json:
        print_json({"login": login, "password": None if given else new})
        return
    if given is None:
        typer.echo(new)
    shown = "" if given else " This password is shown this once: store it now."
    typer.echo(f"The password of {login} is changed, and every session of {login} has ended.{shown}", err=True)


def _given(password: str) -> str:
    """A password for which the command line, and its history, is the wrong place comes from standard input."""
    from ..passwords import PASSWORD_CHARS_MAX

    if password != "-":  # noqa: S105  the place, no password
        raise typer.BadParameter(
            "a password on the command line stays in its history: give - and write it to the input"
        )
    text = sys.stdin.read().removesuffix("\n")
    if not 0 < len(text) <= PASSWORD_CHARS_MAX:
        raise typer.BadParameter(f"a password has 1 to {PASSWORD_CHARS_MAX} characters")
    return text
