"""`synapse upstreams` and `synapse models`: where requests may go."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from .database import Place, change
from .options import ConfigOption, JsonOption, StateDirOption
from .output import print_json, print_table

app = typer.Typer(help="Upstreams: the providers' endpoints that requests may go to.", no_args_is_help=True)
models_app = typer.Typer(help="Models: which upstream serves which, in which order.", no_args_is_help=True)


class ZoneChoice(StrEnum):
    ON_PREM = "on_prem"
    CLOUD = "cloud"


class ProviderChoice(StrEnum):
    OPENAI = "openai"
    OLLAMA = "ollama"
    VLLM = "vllm"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A short name, such as ollama-berlin.")],
    *,
    base_url: Annotated[str, typer.Option(help="With the version path, such as http://10.0.0.5:11434/v1.")],
    zone: Annotated[ZoneChoice, typer.Option(help="Sensitive data goes to on_prem only.")],
    provider: Annotated[ProviderChoice, typer.Option(help="What runs there.")] = ProviderChoice.OPENAI,
    api_key_ref: Annotated[
        str | None, typer.Option(help="Where its key is: env:NAME or file:/PATH, never the key itself.")
    ] = None,
    ca_file: Annotated[str | None, typer.Option(help="Certificates to trust instead of the system's.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model it serves, or NAME=ITS_NAME_THERE; repeat for more.")
    ] = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Add an upstream, with the models it serves.

    Example: synapse upstreams add ollama --base-url http://127.0.0.1:11434/v1 --zone on_prem --model llama3=llama3:8b
    """
    from ..policy import Upstream
    from ..postgres import store_routes

    upstream = Upstream(name, base_url, zone.value, provider.value, api_key_ref, ca_file)

    async def apply(connection: Any) -> None:
        async with connection.transaction():
            await store_routes.add_upstream(connection, upstream)
            for served in model or ():
                own, _, theirs = served.partition("=")
                await store_routes.add_model(connection, store_routes.ModelRoute(own, name, theirs or own))

    change(Place(state_dir, config), apply)
    if json:
        print_json(upstream)
    else:
        typer.echo(f"Added upstream {name} ({zone.value}).")


@app.command("list")
def list_(*, json: JsonOption = False, state_dir: StateDirOption = None, config: ConfigOption = None) -> None:
    """List upstreams, those of the configuration file too."""
    from ..postgres import store_routes

    place = Place(state_dir, config)
    provisioned = place.settings().provisioned_upstreams()
    stored = [one for one in change(place, store_routes.list_upstreams) if one.name not in provisioned]
    upstreams = [*provisioned.values(), *stored]
    if json:
        print_json(upstreams)
        return
    print_table(
        ("name", "zone", "provider", "url", "key", "from"),
        [
            (
                one.name,
                one.zone,
                one.provider,
                one.base_url,
                one.api_key_ref or "-",
                "file" if one.provisioned else "database",
            )
            for one in upstreams
        ],
        empty="There are no upstreams yet: synapse upstreams add NAME --base-url URL --zone on_prem --model MODEL",
    )


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="The upstream's name.")],
    *,
    with_models: Annotated[bool, typer.Option("--with-models", help="Stop serving its models too.")] = False,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove an upstream. Requests under way finish."""
    from ..postgres import store_routes

    change(
        Place(state_dir, config),
        lambda connection: store_routes.remove_upstream(connection, name, with_models=with_models),
    )
    if json:
        print_json({"removed": name})
    else:
        typer.echo(f"Removed upstream {name}.")


@models_app.command("add")
def add_model(
    name: Annotated[str, typer.Argument(help="The name that applications ask for.")],
    *,
    upstream: Annotated[str, typer.Option(help="The upstream that serves it.")],
    upstream_model: Annotated[
        str | None, typer.Option(help="The upstream's own name for it.", show_default="the same name")
    ] = None,
    position: Annotated[
        int | None, typer.Option(help="The lowest is tried first.", show_default="after the others")
    ] = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Let an upstream serve a model; a second upstream for the same model is a fallback.

    Example: synapse models add llama3 --upstream vllm --upstream-model meta-llama/Llama-3-8b
    """
    from ..postgres import store_routes

    route = store_routes.ModelRoute(name, upstream, upstream_model or name, position)
    change(Place(state_dir, config), lambda connection: store_routes.add_model(connection, route))
    if json:
        print_json(route)
    else:
        typer.echo(f"{upstream} serves {name}.")


@models_app.command("list")
def list_models(*, json: JsonOption = False, state_dir: StateDirOption = None, config: ConfigOption = None) -> None:
    """List models with the upstreams that serve them, in the order they are tried."""
    from ..postgres import store_routes

    place = Place(state_dir, config)
    provisioned = place.settings().provisioned_models()
    rows = [
        {"name": name, "upstream": target.upstream.name, "upstream_model": target.model, "provisioned": True}
        for name, targets in provisioned.items()
        for target in targets
    ]
    for route in change(place, store_routes.list_models):
        if route.name not in provisioned:
            rows.append(  # noqa: PERF401  the condition reads better so
                {
                    "name": route.name,
                    "upstream": route.upstream,
                    "upstream_model": route.upstream_model,
                    "provisioned": False,
                }
            )
    if json:
        print_json(rows)
        return
    print_table(
        ("model", "upstream", "name there", "from"),
        [
            (
                str(row["name"]),
                str(row["upstream"]),
                str(row["upstream_model"]),
                "file" if row["provisioned"] else "database",
            )
            for row in rows
        ],
        empty="No models are served yet: synapse models add MODEL --upstream UPSTREAM",
    )


@models_app.command("remove")
def remove_model(
    name: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    upstream: Annotated[str | None, typer.Option(help="Only from this upstream.", show_default="from all")] = None,
    json: JsonOption = False,
    state_dir: StateDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Stop serving a model."""
    from ..postgres import store_routes

    change(Place(state_dir, config), lambda connection: store_routes.remove_model(connection, name, upstream=upstream))
    if json:
        print_json({"removed": name, "upstream": upstream})
    else:
        typer.echo(f"{upstream or 'No upstream'} serves {name} {'no longer' if upstream else 'any more'}.")
