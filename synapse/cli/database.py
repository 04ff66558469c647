"""How a command reaches the database, and what it prints when something is wrong: one sentence, exit 1."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    import asyncpg

    from ..postgres.embedded import Access
    from ..settings import Settings

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the command line says that the database is."""

    state_dir: Path | None
    config: Path | None

    def settings(self) -> "Settings":
        from ..settings import SettingsError, load_settings

        try:
            return load_settings(self.config, options={"state_dir": self.state_dir and str(self.state_dir)})
        except SettingsError as error:
            for problem in error.problems:
                typer.echo(problem, err=True)
            raise typer.Exit(2) from None


def change(place: Place, work: "Callable[[asyncpg.Connection[Any]], Awaitable[Result]]") -> Result:
    """Run `work` on an up-to-date database, with the same rights as a worker of the gateway."""
    from ..postgres.pool import runtime_connection

    async def run(dsn: str) -> Result:
        connection = await runtime_connection(dsn)
        try:
            return await work(connection)
        finally:
            await connection.close()

    with database(place, migrated=True) as access, _explained():
        return asyncio.run(run(access.runtime))


@contextmanager
def database(place: Place, *, migrated: bool) -> "Iterator[Access]":
    """DATABASE_URL, else the server of the state directory, started for the time if need be."""
    from ..postgres.embedded import Access, borrowed_access

    settings = place.settings()
    url = settings.database.url
    with _explained():
        if url is not None:
            dsn = url.get_secret_value()
            if migrated:
                asyncio.run(_require_migrations(dsn))
            # Its user becomes the runtime role by SET ROLE.
            yield Access(dsn, dsn)
            return
        with borrowed_access(settings.state_dir) as access:
            if migrated:
                from ..postgres.migrations import upgrade

                asyncio.run(upgrade(access.owner))
            yield access


async def _require_migrations(dsn: str) -> None:
    from ..postgres.migrations import status
    from ..startup import StartupError

    pending = [one.name for one in await status(dsn) if one.applied_at is None]
    if pending:
        raise StartupError(f"The database lacks {len(pending)} migrations: run `synapse db upgrade`.")


@contextmanager
def _explained() -> Iterator[None]:
    """One sentence and exit 1 for what an operator can do something about."""
    import asyncpg

    from ..postgres.connect import UNREACHABLE, unreachable
    from ..postgres.control_errors import ControlError
    from ..startup import StartupError

    try:
        yield
    except (StartupError, ControlError) as error:
        fail(str(error))
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        fail(str(unreachable(error)))


def fail(message: str) -> NoReturn:
    typer.echo(f"synapse: {message}", err=True)
    raise typer.Exit(1)
