"""The immutable snapshot one request runs under: keys with their bindings, models, upstreams, DLP policies.

What is costly happens when a snapshot is built. Anything that does not make sense is refused there, so that a
snapshot in force is always whole; the previous one stays in force otherwise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .dlp import Exemption, Ruleset
from .errors import PolicyUnavailable
from .model import Classification, Zone


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key may use; None is unlimited. Unlike the binding, limits can be changed."""

    requests_per_minute: int | None = None
    concurrent_requests: int | None = None
    tokens_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """What a key was approved for. It can never change; another use case needs another key."""

    team_id: str
    team_name: str
    purpose: str
    system_prompt: str | None
    models: frozenset[str]
    classification: Classification
    dlp_policy: str
    history: Literal["redact", "block"] = "redact"
    # Numeric request parameters and the most they may be, such as {"max_tokens": 1024, "n": 2}.
    caps: Mapping[str, float] = field(default_factory=dict)
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A credential. `sha256` is all that is kept of the secret; `prefix` is what people may see of it."""

    id: str
    prefix: str
    sha256: bytes
    binding: Binding
    limits: Limits
    # From this moment on it is refused; in the future while a rotated key is still accepted.
    disabled_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider's endpoint. `api_key_ref` is `env:NAME` or `file:PATH`, never the secret itself."""

    name: str
    base_url: str  # includes the version path, such as http://127.0.0.1:11434/v1
    zone: Zone
    provider: Literal["openai", "ollama", "vllm"] = "openai"
    api_key_ref: str | None = None
    ca_file: str | None = None
    provisioned: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """An upstream, and the name it knows the model by."""

    upstream: Upstream
    model: str


@dataclass(frozen=True, slots=True)
class DlpPolicy:
    """A policy in force: what it scans with, and for whom which rules do not apply for a time."""

    ruleset: Ruleset
    exemptions: tuple[Exemption, ...] = ()


@dataclass(frozen=True, slots=True)
class Policies:
    """The DLP policies in force. One of `names` that is not compiled yet has its keys' requests refused meanwhile."""

    compiled: Mapping[str, DlpPolicy]
    names: frozenset[str]


# Until which moment, in microseconds, a key is scanned with which ruleset; the soonest first.
ExemptUntil = tuple[tuple[int, Ruleset], ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a request is decided by. Lookups are dictionaries; nothing in it is ever changed."""

    version: int
    keys: Mapping[bytes, Key]  # by SHA-256 of the whole key text
    models: Mapping[str, tuple[Target, ...]]
    policies: Mapping[str, DlpPolicy]
    exempt: Mapping[str, ExemptUntil] = field(default_factory=dict)  # by the id of a key; few have an exemption

    def ruleset_for(self, key: Key, now_us: int) -> Ruleset:
        """What the key's traffic is scanned with at this moment. Raises PolicyUnavailable."""
        for until_us, ruleset in self.exempt.get(key.id, ()):
            if now_us < until_us:
                return ruleset
        policy = self.policies.get(key.binding.dlp_policy)
        if policy is None:
            raise PolicyUnavailable(
                f"The DLP policy '{key.binding.dlp_policy}' of this API key is not in force yet. Send the request "
                "again in a moment; if it lasts, an administrator finds the reason in the gateway's log."
            )
        return policy.ruleset

    def missing_policies(self) -> frozenset[str]:
        """The policies that keys are bound to and that are not here. A disabled key needs none."""
        bound = {key.binding.dlp_policy for key in self.keys.values() if key.disabled_at_us != 0}
        return frozenset(bound - self.policies.keys())


def exempt_keys(keys: Iterable[Key], policies: Mapping[str, DlpPolicy]) -> dict[str, ExemptUntil]:
    """For each key with an exemption the rulesets that it is scanned with, as one after the other expires."""
    with_exemptions = {name: policy for name, policy in policies.items() if policy.exemptions}
    reduced: dict[tuple[str, frozenset[str]], Ruleset] = {}
    exempt: dict[str, ExemptUntil] = {}
    for key in keys if with_exemptions else ():
        name = key.binding.dlp_policy
        policy = with_exemptions.get(name)
        if policy is None:
            continue
        own = [one for one in policy.exemptions if one.covers(key_prefix=key.prefix, team_name=key.binding.team_name)]
        own.sort(key=lambda one: one.expires_at_us)
        steps = []
        for index, exemption in enumerate(own):
            off = _exempt_rules(own[index:], policy.ruleset)
            if (name, off) not in reduced:
                reduced[name, off] = policy.ruleset.without(off)
            steps.append((exemption.expires_at_us, reduced[name, off]))
        if steps:
            exempt[key.id] = tuple(steps)
    return exempt


def _exempt_rules(exemptions: Iterable[Exemption], ruleset: Ruleset) -> frozenset[str]:
    ids = [rule.id for rule in ruleset.rules]
    return frozenset(rule for exemption in exemptions for rule in exemption.among(ids))
