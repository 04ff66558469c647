"""`synapse keys`: a key for each approved use case."""

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .database import Place, change, fail
from .options import ConfigOption, JsonOption, StateDirOption, cap, duration_s, expiry
from .output import day, print_json, print_table

if TYPE_CHECKING:
    from ..policy import Limits
    from ..postgres.store import KeyRecord, NewKey

UNLIMITED = "unlimited"

KeyArgument = Annotated[str, typer.Argument(help="The key's id, or its first 12 characters (syn_…).")]
LimitHelp = "a number, or 'unlimited'"
RequestsOption = Annotated[str | None, typer.Option("--requests-per-minute", metavar="N", help=LimitHelp)]
ConcurrentOption = Annotated[str | None, typer.Option("--concurrent-requests", metavar="N", help=LimitHelp)]
TokensOption = Annotated[str | None, typer.Option("--tokens-per-day", metavar="N", help=LimitHelp)]

app = typer.Typer(help="API keys: one for each approved use case of a team.", no_args_is_help=True)


class ClassificationChoice(StrEnum):
    SENSITIVE = "sensitive"
    NON_SENSITIVE = "non_sensitive"


class HistoryChoice(StrEnum):
    REDACT = "redact"
    BLOCK = "block"


@app.command()
def create(
    *,
    team: Annotated[str, typer.Option(help="The team that is accountable for it.")],
    purpose: Annotated[str, typer.Option(help="The approved use case, in a sentence.")],
    model: Annotated[list[str], typer.Option(help="A model it may use; repeat for more.")],
    classification: Annotated[
        ClassificationChoice, typer.Option(help="Sensitive data never leaves for a cloud upstream.")
    ] = ClassificationChoice.SENSITIVE,
    system_prompt: Annotated[str | None, typer.Option(help="Put before every conversation.")] = None,
    system_prompt_file: Annotated[Path | None, typer.Option(help="The same, read from a file.")] = None,
    dlp_policy: Annotated[
        str,
        typer.Option(help="The DLP policy its traffic is scanned with; such as strict, pci, or one of your dlp.toml."),
    ] = "default",
    history: Annotated[
        HistoryChoice, typer.Option(help="What a blocked text in an earlier turn leads to.")
    ] = HistoryChoice.REDACT,
    caps: Annotated[
        list[str] | None,
        typer.Option("--cap", help="The most a parameter may be, such as max_tokens=1024; repeatable."),
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Such as 90d, or 2030-12-31.", show_default="never")] = None,
    requests_per_minute: RequestsOption = None,
    concurrent_requests: ConcurrentOption = None,
    tokens_per_day: TokensOption = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Create a key and show it, this once.

    All it is bound to is final, another use case needs another key; limits can be changed later.

    Example: synapse keys create --team payments --purpose 'summaries of tickets' --model llama3 --expires 90d
    """
    from ..policy import Limits
    from ..postgres import store
    from ..postgres.dlp_versions import dlp_policy_names

    request = store.KeyRequest(
        team=team,
        purpose=purpose,
        models=model,
        created_by=_operator(),
        system_prompt=_system_prompt(system_prompt, system_prompt_file),
        classification=classification.value,
        dlp_policy=dlp_policy,
        history=history.value,
        caps=dict(cap(text) for text in caps or ()),
        expires_at=None if expires is None else expiry(expires),
        limits=_changed(Limits(), requests_per_minute, concurrent_requests, tokens_per_day),
    )

    async def make(connection: Any) -> "NewKey":
        policies = await dlp_policy_names(connection)
        return await store.create_key(connection, request, dlp_policies=policies, now=datetime.now(UTC))

    _show_new(change(Place(state_dir, config), make), json=json)


@app.command("list")
def list_(
    *,
    team: Annotated[str | None, typer.Option(help="Only this team's keys.")] = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """List keys, the newest first. Secrets are not stored, so none can be shown."""
    from ..postgres import store

    keys = change(Place(state_dir, config), lambda connection: store.list_keys(connection, team=team))
    if json:
        print_json([_as_json(key) for key in keys])
        return
    now = datetime.now(UTC)
    print_table(
        ("key", "team", "purpose", "models", "classification", "DLP policy", "limits", "expires", "state"),
        [
            (
                key.prefix,
                key.team_name,
                key.purpose,
                ", ".join(key.models),
                key.classification,
                key.dlp_policy,
                _limits_text(key.limits),
                day(key.expires_at),
                key.state(now),
            )
            for key in keys
        ],
        empty="There are no keys yet: synapse keys create --team TEAM --purpose PURPOSE --model MODEL",
    )


@app.command()
def disable(
    key: KeyArgument,
    *,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Disable a key for ever. Every worker refuses it within a second.

    Example: synapse keys disable syn_4fGh71Qz
    """
    from ..postgres import store

    record = change(Place(state_dir, config), lambda connection: store.disable_key(connection, key))
    _show(record, json=json, sentence=f"Disabled {record.prefix} of team {record.team_name}.")


@app.command()
def rotate(
    key: KeyArgument,
    *,
    overlap: Annotated[str, typer.Option(help="How long the old secret still works, such as 15m, 24h or 7d.")] = "0s",
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a key's binding a new secret, and show it, this once.

    Example: synapse keys rotate syn_4fGh71Qz --overlap 24h
    """
    from ..postgres import store

    overlap_s = duration_s(overlap)
    new = change(
        Place(state_dir, config),
        lambda connection: store.rotate_key(connection, key, created_by=_operator(), overlap_s=overlap_s),
    )
    _show_new(new, json=json)
    if not json:
        typer.echo(f"The old one works for another {overlap}." if overlap_s else "The old one is disabled.")


@app.command()
def limits(
    key: KeyArgument,
    *,
    requests_per_minute: RequestsOption = None,
    concurrent_requests: ConcurrentOption = None,
    tokens_per_day: TokensOption = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Change the limits of a key; what is not named stays. Without an option it shows them.

    Example: synapse keys limits syn_4fGh71Qz --requests-per-minute 120 --tokens-per-day unlimited
    """
    from ..postgres import store

    async def apply(connection: Any) -> "KeyRecord":
        record = await store.find_key(connection, key)
        wanted = _changed(record.limits, requests_per_minute, concurrent_requests, tokens_per_day)
        return record if wanted == record.limits else await store.set_limits(connection, record.id, wanted)

    record = change(Place(state_dir, config), apply)
    _show(record, json=json, sentence=f"{record.prefix}: {_limits_text(record.limits)}")


def _operator() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def _system_prompt(text: str | None, file: Path | None) -> str | None:
    if file is None:
        return text
    if text is not None:
        raise typer.BadParameter("give --system-prompt or --system-prompt-file, not both")
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"The system prompt cannot be read from {file}: {getattr(error, 'strerror', None) or 'not UTF-8'}.")


def _changed(
    limits: "Limits", requests_per_minute: str | None, concurrent_requests: str | None, tokens_per_day: str | None
) -> "Limits":
    from dataclasses import replace

    given = {
        "requests_per_minute": requests_per_minute,
        "concurrent_requests": concurrent_requests,
        "tokens_per_day": tokens_per_day,
    }
    return replace(limits, **{name: _limit(text) for name, text in given.items() if text is not None})


def _limit(text: str) -> int | None:
    if text == UNLIMITED:
        return None
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise typer.BadParameter(f"a limit is a number above 0, or '{UNLIMITED}'")
    return int(text)


def _limits_text(limits: "Limits") -> str:
    parts = [
        f"{value}{unit}"
        for value, unit in (
            (limits.requests_per_minute, " requests/min"),
            (limits.concurrent_requests, " at once"),
            (limits.tokens_per_day, " tokens/day"),
        )
        if value is not None
    ]
    return ", ".join(parts) or UNLIMITED


def _as_json(record: "KeyRecord") -> Mapping[str, Any]:
    from dataclasses import asdict

    return {**asdict(record), "state": record.state(datetime.now(UTC))}


def _show(record: "KeyRecord", *, json: bool, sentence: str) -> None:
    if json:
        print_json(_as_json(record))
    else:
        typer.echo(sentence)


def _show_new(new: "NewKey", *, json: bool) -> None:
    if json:
        print_json({"key": new.secret.text, **_as_json(new.record)})
        return
    record = new.record
    typer.echo(new.secret.text)
    typer.echo(
        f"This key of team {record.team_name} is shown this once: store it now. "
        f"It may use {', '.join(record.models)} with {record.classification} data.",
        err=True,
    )
