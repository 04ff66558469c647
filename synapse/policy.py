"""The immutable snapshot one request runs under: keys with their bindings, models, upstreams, DLP rulesets.

What is costly happens when a snapshot is built. Anything that does not make sense is refused there, so that a
snapshot in force is always whole; the previous one stays in force otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .dlp import Ruleset
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
class Snapshot:
    """Everything a request is decided by. Lookups are dictionaries; nothing in it is ever changed."""

    version: int
    keys: Mapping[bytes, Key]  # by SHA-256 of the whole key text
    models: Mapping[str, tuple[Target, ...]]
    rulesets: Mapping[str, Ruleset]
