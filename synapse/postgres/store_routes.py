"""Upstreams and models: where requests may go. Provisioned ones live in the configuration file, not here."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from ..policy import Upstream
from .control_errors import ControlError, refusals_explained
from .queries import control_queries


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """One upstream that serves a model. Without a position it comes after those that serve it already."""

    name: str
    upstream: str
    upstream_model: str
    position: int | None = None


async def add_upstream(connection: "asyncpg.Connection[Any]", upstream: Upstream) -> None:
    with refusals_explained(duplicate=f"There is already an upstream named '{upstream.name}'."):
        await connection.execute(
            control_queries()["upstream_insert"],
            upstream.name,
            upstream.base_url,
            upstream.zone,
            upstream.provider,
            upstream.api_key_ref,
            upstream.ca_file,
        )


async def list_upstreams(connection: "asyncpg.Connection[Any]") -> list[Upstream]:
    return [Upstream(**row) for row in await connection.fetch(control_queries()["upstreams"])]


async def remove_upstream(connection: "asyncpg.Connection[Any]", name: str, *, with_models: bool = False) -> None:
    """Remove an upstream; what it serves must be removed before, or with it."""
    async with connection.transaction():
        if with_models:
            await connection.execute(control_queries()["models_delete_of_upstream"], name)
        with refusals_explained(missing=f"The upstream '{name}' still serves models: remove them first."):
            removed = await connection.fetchval(control_queries()["upstream_delete"], name)
    if removed is None:
        raise ControlError(f"There is no upstream named '{name}'.", field="name")


async def add_model(connection: "asyncpg.Connection[Any]", route: ModelRoute) -> None:
    with refusals_explained(
        duplicate=f"The upstream '{route.upstream}' serves the model '{route.name}' already.",
        missing=f"There is no upstream named '{route.upstream}': add it first.",
    ):
        await connection.execute(
            control_queries()["model_insert"], route.name, route.upstream, route.upstream_model, route.position
        )


async def list_models(connection: "asyncpg.Connection[Any]") -> list[ModelRoute]:
    return [ModelRoute(**row) for row in await connection.fetch(control_queries()["models"])]


async def remove_model(connection: "asyncpg.Connection[Any]", name: str, *, upstream: str | None = None) -> None:
    """Stop serving a model by one upstream, or by all."""
    if not await connection.fetch(control_queries()["model_delete"], name, upstream):
        raise ControlError(
            f"No upstream serves the model '{name}'."
            if upstream is None
            else f"The upstream '{upstream}' does not serve the model '{name}'.",
            field="name",
        )
