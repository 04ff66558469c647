"""The commands. Each module is one group; what a command needs is imported when it runs, so that --help stays quick."""

import typer

from . import audit, db, dlp, keys, teams, upstreams, users
from .serve import serve

main = typer.Typer(
    name="synapse",
    help="Synapse: a gateway that governs every request to a language model.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback would show local variables, and one of them may be a secret.
    pretty_exceptions_enable=False,
)
main.command()(serve)
main.add_typer(teams.app, name="teams")
main.add_typer(keys.app, name="keys")
main.add_typer(upstreams.app, name="upstreams")
main.add_typer(upstreams.models_app, name="models")
main.add_typer(db.app, name="db")
main.add_typer(audit.app, name="audit")
main.add_typer(users.app, name="users")
main.add_typer(dlp.app, name="dlp")
