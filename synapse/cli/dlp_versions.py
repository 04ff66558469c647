"""`synapse dlp apply`, `export`, `history` and `rollback`: the versions of the policies, which are never changed."""

import getpass
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .database import Place, change, fail
from .dlp_check import print_problems, read_source
from .options import ConfigOption, JsonOption, StateDirOption
from .output import day, print_json, print_table

if TYPE_CHECKING:
    from ..policy_build import Compiled, Source
    from ..policy_directory import PolicyDirectory
    from ..postgres.dlp_versions import DlpVersion
    from ..settings import Settings

NoteOption = Annotated[str | None, typer.Option(help="Why, in a sentence; it stays in the history.")]
NumberArgument = Annotated[
    int, typer.Argument(min=1, metavar="NUMBER", help="A version of `synapse dlp history`.", show_default=False)
]


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy file.", show_default=False)],
    *,
    note: NoteOption = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a policy file the version in force: every gateway on the database takes it over within a second.

    It is compiled and tried first; with one problem nothing is changed.

    Example: synapse dlp apply policies.toml --note 'cards stop a request, ticket 4711'
    """
    place = Place(state_dir, config)
    source = read_source(file)
    number = _put_in_force(place, source, note=note)
    _say_applied(place, number, str(file), json=json)


def rollback(
    number: NumberArgument,
    *,
    note: NoteOption = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Make an earlier version the one in force, as a new version.

    Example: synapse dlp rollback 12 --note 'too many alerts'
    """
    from ..policy_build import Source
    from ..postgres.dlp_versions import dlp_version

    place = Place(state_dir, config)
    earlier = change(place, lambda connection: dlp_version(connection, number))
    source = Source(f"version {number}", "database", earlier.document, earlier.author)
    new = _put_in_force(place, source, note=note or f"back to version {number}")
    _say_applied(place, new, f"what version {number} was", json=json)


def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write it.", show_default="standard output")
    ] = None,
    *,
    number: Annotated[int | None, typer.Option(min=1, help="An earlier version.", show_default="in force")] = None,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Write the policies in force as a policy file.

    Example: synapse dlp export dlp.toml
    """
    from ..postgres.dlp_versions import dlp_version, newest_dlp_version

    async def version(connection: Any) -> "DlpVersion | None":
        return await (newest_dlp_version(connection) if number is None else dlp_version(connection, number))

    place = Place(state_dir, config)
    found = change(place, version)
    document = "" if found is None else found.document
    document = document or "# Nothing but the policies that come with Synapse.\n"
    if file is None:
        typer.echo(document, nl=not document.endswith("\n"))
    else:
        try:
            file.write_text(document, encoding="utf-8")
        except OSError as error:
            fail(f"{file} cannot be written: {error.strerror}.")
    if (status := _status(place.settings())) is not None:
        _warn(status)


def history(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Print at most this many versions, the newest.")] = 20,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """List the versions of the policies, the newest first: when, by whom, from where, and why."""
    from ..postgres.dlp_versions import dlp_versions

    place = Place(state_dir, config)
    versions = change(place, lambda connection: dlp_versions(connection, limit=limit))
    status = _status(place.settings())
    if json:
        print_json(
            {
                "versions": versions,
                "in_force": None if status is None else status["in_force"],
                "refused": _refused(status),
            }
        )
        return
    print_table(
        ("version", "applied", "author", "source", "policies", "note"),
        [
            (
                *(str(one.number), day(one.applied_at), one.author, one.source),
                *(", ".join(f"{name} {version}" for name, version in sorted(one.policies.items())), one.note or "-"),
            )
            for one in versions
        ],
        empty="There is no version yet: the first start of the gateway makes one, and so does `synapse dlp apply`.",
    )
    if status is not None:
        _warn(status)


def _put_in_force(place: Place, source: "Source", *, note: str | None) -> int:
    """The number of the new version. Ends the command when the file or the gateway speaks against it."""
    from ..dlp import load_catalogue
    from ..policy_build import Refused, compile_document, refuse_vanished
    from ..postgres.dlp_versions import NewDlpVersion, append_dlp_version, dlp_policy_names, keys_by_policy

    settings = place.settings()
    _refuse_file_in_charge(settings)
    catalogue = load_catalogue()

    async def work(connection: Any) -> int:
        gone = set(await dlp_policy_names(connection)) - set(compiled.names)
        refuse_vanished(gone, await keys_by_policy(connection), source)
        new = NewDlpVersion(
            author=_author(),
            source="command",
            document=source.text,
            engine=catalogue.fingerprint,
            names=compiled.names,
            policies=compiled.versions,
            note=note,
        )
        return await append_dlp_version(connection, new)

    try:
        with _directory(settings) as directory:
            compiled: Compiled = compile_document(catalogue, directory, source)
        print_problems(compiled.warnings, title="warning: ")
        return change(place, work)
    except Refused as refused:
        print_problems(refused.problems)
        raise typer.Exit(1) from None


@contextmanager
def _directory(settings: "Settings") -> "Iterator[PolicyDirectory]":
    """Where the gateway of this state directory finds it compiled already; else a place of its own."""
    from ..policy_directory import PolicyDirectory

    own = settings.state_dir / "dlp" / "compiled"
    if os.access(own, os.W_OK):
        yield PolicyDirectory(settings.state_dir)
        return
    with tempfile.TemporaryDirectory(prefix="synapse-dlp-") as path:
        directory = PolicyDirectory(Path(path))
        directory.make()
        yield directory


def _refuse_file_in_charge(settings: "Settings") -> None:
    file = settings.dlp.file
    status = _status(settings)
    if file is None or not (file.exists() or settings.policy_file_required):
        kept = (status or {}).get("in_force", {})
        file = Path(kept["file"]) if kept.get("source") == "file" and Path(kept["file"]).exists() else None
    if file is not None:
        fail(
            f"The policy file {file} is in charge: change it, and the gateway takes it over by itself. For versions "
            "that are kept in the database take the file away and start the gateway again."
        )


def _status(settings: "Settings") -> dict[str, Any] | None:
    """What the gateway of this state directory says, when there is one."""
    from ..policy_directory import PolicyDirectory

    return PolicyDirectory(settings.state_dir).status()


def _refused(status: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if status is None or not status["problems"]:
        return None
    return {"since": status["refused_since"], "problems": status["problems"]}


def _warn(status: Mapping[str, Any]) -> None:
    if (refused := _refused(status)) is not None:
        typer.echo(f"A change is refused since {refused['since']}, and the version before it is in force:", err=True)
        print_problems(refused["problems"])


def _author() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _say_applied(place: Place, number: int, what: str, *, json: bool) -> None:
    if json:
        print_json({"number": number})
    elif (status := _status(place.settings())) is not None and status["in_force"].get("source") == "file":
        # The file is gone, or it would be in charge; but the gateway that it was taken from waits for it to come back.
        typer.echo(
            f"Version {number} is on record: {what}. Start the gateway again: until then its policy file counts."
        )
    else:
        typer.echo(f"Version {number} is in force: {what}.")
