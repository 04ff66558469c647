"""`synapse serve`: the gateway."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..settings import SettingsError, load_settings
from ..startup import StartupError


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8080")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes.", show_default="one per CPU, at most 4")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="The synapse.toml to read.", show_default="$SYNAPSE_CONFIG, else none")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Add a built-in model server, a demo team and a demo key to try it with.")
    ] = False,
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM.

    Without DATABASE_URL it brings its own PostgreSQL, with its data under the state directory.
    """
    try:
        settings = load_settings(config, options={"server.host": host, "server.port": port, "server.workers": workers})
    except SettingsError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(2) from None
    # Imported here so that `synapse --help` need not wait for the server.
    from ..serve import serve as run

    try:
        run(settings, demo=demo, say=_say)
    except StartupError as error:
        typer.echo(f"synapse: {error}", err=True)
        raise typer.Exit(1) from None


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()  # whoever waits for the address reads a pipe
