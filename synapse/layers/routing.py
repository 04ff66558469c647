"""Layer three: where a request may go. Sensitive data has no way to a cloud target; nothing here is configurable."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import NoTarget
from ..model import Classification
from ..policy import Target


@dataclass(frozen=True, slots=True)
class Route:
    """A target a request may go to, and why."""

    target: Target
    reason: str


def candidates(targets: Sequence[Target], classification: Classification) -> tuple[Route, ...]:
    """The allowed targets in the order to try them. Raises NoTarget when there is none."""
    if classification == "sensitive":
        routes = tuple(Route(target, "sensitive: on_prem only") for target in targets if _is_on_prem(target))
    else:
        routes = tuple(Route(target, "non_sensitive: cloud preferred") for target in targets if not _is_on_prem(target))
        reason = "non_sensitive: on_prem fallback" if routes else "non_sensitive: on_prem, no cloud target"
        routes += tuple(Route(target, reason) for target in targets if _is_on_prem(target))
    if not routes:
        raise NoTarget(
            "No upstream that this key's data may go to serves the model. Ask your platform team to add one."
            if targets
            else "No upstream serves the model. Ask your platform team to add one."
        )
    return routes


def _is_on_prem(target: Target) -> bool:
    # Fails closed: a zone that is not exactly on_prem is not on the premises.
    return target.upstream.zone == "on_prem"
