"""The first page in one answer: what is recorded comes from the database, what is routed from the policy in force."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import blacksheep

from ... import __version__
from ...interfaces import PolicySource
from ...overview import Records
from ...policy import Snapshot, Target, Upstream
from .answers import json_response
from .routing import ANY_ROLE, AdminRoutes, Call


class OverviewPage:
    """`/admin/api/overview`."""

    def __init__(self, records: Records, policy: PolicySource) -> None:
        self._records = records
        self._policy = policy

    def register(self, routes: AdminRoutes) -> None:
        routes.add("GET", "/overview", self.show, access=ANY_ROLE)

    async def show(self, _: Call) -> blacksheep.Response:
        records = await self._records.overview()
        snapshot = self._policy.snapshot
        return json_response(
            {
                "version": __version__,
                "policy_version": snapshot.version,
                "now": datetime.now(UTC),
                "models": _models(snapshot.models),
                "upstreams": _upstreams(snapshot),
                "records": records,
            }
        )


def _models(models: Mapping[str, tuple[Target, ...]]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "targets": [{"upstream": target.upstream.name, "model": target.model} for target in targets],
        }
        for name, targets in sorted(models.items())
    ]


def _upstreams(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Those that some model is routed to. The reference to a credential stays here: nobody at a browser needs it."""
    known: dict[str, Upstream] = {
        target.upstream.name: target.upstream for targets in snapshot.models.values() for target in targets
    }
    return [
        {
            "name": upstream.name,
            "zone": upstream.zone,
            "provider": upstream.provider,
            "base_url": upstream.base_url,
            "provisioned": upstream.provisioned,
        }
        for _, upstream in sorted(known.items())
    ]
