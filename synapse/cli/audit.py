"""`synapse audit`: what the log knows. A text is searched for by its hash and is neither stored nor sent."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .database import Place, change
from .options import ConfigOption, JsonOption, StateDirOption
from .output import day, print_json, print_table

if TYPE_CHECKING:
    from ..postgres.audit_search import LoggedRequest

app = typer.Typer(help="Audit: what was asked, by whom, and what became of it.", no_args_is_help=True)

LimitOption = Annotated[int, typer.Option(min=1, max=10_000, help="Print at most this many requests, the newest.")]


@app.command()
def find(
    *,
    text: Annotated[
        str,
        typer.Option(help="The whole text of a prompt (a last user message) or of an answer; - reads standard input."),
    ],
    limit: LimitOption = 100,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Find the requests in which a text was sent or answered.

    Example: synapse audit find --text 'What is our notice period?'
    """
    from ..postgres import audit_search
    from ..postgres.audit_log import digest

    place = Place(state_dir, config)
    key = place.settings().audit.hash_key
    hash_key = None if key is None else key.get_secret_value().encode()
    hashed = digest(_text(text).encode("utf-8", "surrogatepass"), hash_key)
    found = change(place, lambda connection: audit_search.find(connection, hashed, limit=limit))
    _print(found, json=json, empty="No request of the audit log has this text as its last user message or its answer.")


@app.command("list")
def list_(
    *,
    limit: LimitOption = 20,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """List the newest requests."""
    from ..postgres import audit_search

    requests = change(Place(state_dir, config), lambda connection: audit_search.latest(connection, limit=limit))
    _print(requests, json=json, empty="The audit log is empty: no request has been made yet.")


def _text(option: str) -> str:
    """A text for which the command line, and its history, is the wrong place comes from standard input."""
    return sys.stdin.read().removesuffix("\n") if option == "-" else option


def _print(requests: "Sequence[LoggedRequest]", *, json: bool, empty: str) -> None:
    if json:
        print_json(requests)
        return
    print_table(
        ("started", "request", "team", "key", "model", "upstream", "outcome", "status", "dlp", "found in"),
        [
            (
                *(day(one.started_at), one.request_id, one.team_name or "-", one.key_prefix or "-"),
                *(one.model_requested or "-", one.upstream or "-", one.outcome, str(one.http_status), one.dlp_action),
                ", ".join(one.found_in) or "-",
            )
            for one in requests
        ],
        empty=empty,
    )
