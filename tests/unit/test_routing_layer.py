"""Layer three: sensitive data never goes to a cloud target, however targets are listed."""

import itertools

import pytest

from synapse.errors import NoTarget
from synapse.layers.routing import candidates
from synapse.policy import Target, Upstream


def target(name: str, zone: str) -> Target:
    return Target(Upstream(name=name, base_url="http://127.0.0.1/v1", zone=zone), model="m")  # type: ignore[arg-type]


ON_PREM_1, ON_PREM_2 = target("a", "on_prem"), target("b", "on_prem")
CLOUD = target("c", "cloud")
ODD = target("d", "On_Prem ")


@pytest.mark.parametrize("targets", list(itertools.permutations([ON_PREM_1, ON_PREM_2, CLOUD, ODD])))
def test_sensitive_goes_on_prem_only_in_the_order_given(targets: tuple[Target, ...]) -> None:
    chosen = [route.target for route in candidates(targets, "sensitive")]
    assert chosen == [each for each in targets if each in (ON_PREM_1, ON_PREM_2)]


def test_non_sensitive_prefers_cloud_and_falls_back_on_prem() -> None:
    routes = candidates((ON_PREM_1, CLOUD), "non_sensitive")
    assert [(route.target, route.reason) for route in routes] == [
        (CLOUD, "non_sensitive: cloud preferred"),
        (ON_PREM_1, "non_sensitive: on_prem fallback"),
    ]


def test_the_reason_says_when_there_was_no_cloud_target() -> None:
    assert candidates((ON_PREM_1,), "non_sensitive")[0].reason == "non_sensitive: on_prem, no cloud target"


@pytest.mark.parametrize(("targets", "classification"), [((), "non_sensitive"), ((CLOUD, ODD), "sensitive")])
def test_without_an_allowed_target_the_request_ends(targets: tuple[Target, ...], classification: str) -> None:
    with pytest.raises(NoTarget) as caught:
        candidates(targets, classification)  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.code) == (503, "no_target")
