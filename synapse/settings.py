"""Every setting with its default, from the command line, the environment, a TOML file, in this order of precedence.

All problems are found and reported at once; with one of them nothing starts.
"""

import os
from collections import Counter
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ByteSize, ConfigDict, Field, IPvAnyNetwork, PrivateAttr, SecretStr

from .model import Zone
from .policy import Target, Upstream
from .settings_sources import CONFIG_VARIABLE, Gathered, Problem, SettingsError, gather, validation_problems
from .settings_table import settings_markdown

__all__ = ["Settings", "SettingsError", "load_settings", "settings_table"]

# Shorter secrets can be guessed or searched for offline; they are accepted on a loopback address only. 32 bytes is
# what RFC 2104 §3 and RFC 7518 §3.2 ask of an HMAC-SHA-256 key; 12 characters is for people to remember.
SECRET_LENGTH_MIN = {("admin", "password"): 12, ("admin", "jwt_secret"): 32, ("audit", "hash_key"): 32}

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


def _postgres_url(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in {"postgres", "postgresql"}:
        raise ValueError("it must look like postgresql://user:password@host:5432/database")
    return value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("it must look like https://host/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it must not hold credentials; name them with api_key_ref")
    return value.rstrip("/")


def _api_key_ref(value: str) -> str:
    kind, _, name = value.partition(":")
    if kind not in {"env", "file"} or not name:
        raise ValueError("it must be env:NAME or file:PATH, never the key itself")
    return value


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, protected_namespaces=())


class ServerSettings(Section):
    """The side that applications connect to."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(
        default_factory=lambda: min(len(os.sched_getaffinity(0)), 4),
        ge=1,
        le=64,  # Half of the places in the limits file: a replaced worker drains while its successor runs.
        description="Worker processes.",
        json_schema_extra={"shown_default": "one per available CPU, at most 4"},
    )
    body_bytes_max: ByteSize = Field(
        default=ByteSize(10 * 1024 * 1024), ge=1, description="Largest request body; a larger one is refused with 413."
    )
    body_timeout_s: Seconds = Field(
        default=10.0, description="Time for a request body to arrive whole; later it is refused with 408."
    )
    messages_max: Count = Field(default=4096, description="Most messages in one request.")
    json_depth_max: int = Field(
        default=64,
        ge=8,
        le=200,  # orjson writes 254 levels
        description="Deepest nesting of a request body.",
    )
    stop_timeout_s: Seconds = Field(
        default=30.0,
        description="Time that open requests have to finish when the gateway stops or a worker is replaced.",
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="Networks whose X-Forwarded-For is believed, such as 10.0.0.0/8."
    )


class DatabaseSettings(Section):
    """The PostgreSQL that holds keys, policies and the audit log."""

    url: Annotated[SecretStr, AfterValidator(_postgres_url)] | None = Field(
        default=None,
        description="Address of the server, such as postgresql://user:password@host/database.",
        json_schema_extra={"shown_default": "an embedded server under `state_dir`"},
    )
    connections_max: int = Field(default=3, ge=2, le=64, description="Connections of each worker.")


class AuditSettings(Section):
    """The record of every request."""

    hash_key: Annotated[SecretStr, Field(min_length=1)] | None = Field(
        default=None,
        description="Makes the stored hashes HMAC-SHA-256 under this key; without it they are plain SHA-256.",
    )
    queue_records_max: int = Field(
        default=20_000,
        ge=2,
        description="Records of one worker that may wait for PostgreSQL; beyond it requests get 503.",
    )
    flush_interval_s: Seconds = Field(default=0.05, description="Longest wait of a record before it is written.")


class UpstreamClientSettings(Section):
    """Connections to providers. Limits count per worker and upstream."""

    connections_max: Count = Field(default=256, description="Most open connections.")
    keep_alive_s: Seconds = Field(
        default=4.0, description="How long an unused connection is kept; uvicorn and Node close theirs after 5 s."
    )
    connect_timeout_s: Seconds = Field(default=5.0, description="Time to connect, TLS included.")
    first_byte_timeout_s: Seconds = Field(default=120.0, description="Time from the request to the head of the answer.")
    idle_timeout_s: Seconds = Field(default=60.0, description="Longest silence within an answer.")
    total_timeout_s: Seconds = Field(default=600.0, description="Longest duration of a whole answer.")
    response_bytes_max: ByteSize = Field(
        default=ByteSize(32 * 1024 * 1024),
        ge=1,
        description="Largest answer, streamed or not, as it comes from the upstream.",
    )


class DlpSettings(Section):
    """Data-loss prevention. See [policies.md](policies.md)."""

    file: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] | None = Field(
        default=None,
        description="The policy file. It is watched; a change is in force within a second, a mistake changes nothing.",
        json_schema_extra={"shown_default": "`dlp.toml` beside `synapse.toml`, else in `state_dir`, when there is one"},
    )


class AdminSettings(Section):
    """The administration console. Without a password the first start makes one at random and shows it once."""

    password: Annotated[SecretStr, Field(min_length=1)] | None = Field(
        default=None, description="First password of the administrator."
    )
    jwt_secret: Annotated[SecretStr, Field(min_length=1)] | None = Field(
        default=None,
        description="Accepted because deployments set it; nothing is signed with it, since sessions are opaque tokens.",
    )


class ProvisionedUpstream(Section):
    """A provider's endpoint that this file provisions."""

    name: str = Field(min_length=1, description="How models refer to it.")
    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        description="Address with the version path, such as http://127.0.0.1:11434/v1."
    )
    zone: Zone = Field(description="`on_prem` or `cloud`. Sensitive requests never leave `on_prem`.")
    provider: Literal["openai", "ollama", "vllm"] = Field(default="openai", description="Which API it speaks.")
    api_key_ref: Annotated[str, AfterValidator(_api_key_ref)] | None = Field(
        default=None, description="Where its API key is: `env:NAME` or `file:PATH`."
    )
    ca_file: str | None = Field(default=None, description="Certificate authorities to trust for it, as a PEM file.")


class ProvisionedModel(Section):
    """A model that keys can be bound to. Several entries of one name are several targets, the first preferred."""

    name: str = Field(min_length=1, description="The name applications use.")
    upstream: str = Field(min_length=1, description="The upstream that serves it.")
    upstream_model: str | None = Field(
        default=None,
        min_length=1,
        description="The name the upstream knows it by.",
        json_schema_extra={"shown_default": "`name`"},
    )


class Settings(Section):
    """One frozen value, made by `load_settings` and handed to whoever needs a part of it."""

    state_dir: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] = Field(
        description="Where the gateway keeps what must survive a restart.",
        json_schema_extra={
            "shown_default": "`$XDG_STATE_HOME/synapse`, else `/var/lib/synapse` for root, "
            "else `~/.local/state/synapse`"
        },
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")
    server: ServerSettings = Field(default_factory=ServerSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    upstream: UpstreamClientSettings = Field(default_factory=UpstreamClientSettings)
    dlp: DlpSettings = Field(default_factory=DlpSettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    upstreams: tuple[ProvisionedUpstream, ...] = Field(default=(), description="Provisioned upstreams.")
    models: tuple[ProvisionedModel, ...] = Field(default=(), description="Provisioned models.")

    # Whether `dlp.file` was given: then it must be there.
    _policy_file_required: bool = PrivateAttr(default=False)

    @property
    def policy_file_required(self) -> bool:
        return self._policy_file_required

    def provisioned_upstreams(self) -> dict[str, Upstream]:
        """The `[[upstreams]]` as the policy knows them, by name."""
        return {item.name: Upstream(**item.model_dump(), provisioned=True) for item in self.upstreams}

    def provisioned_models(self) -> dict[str, tuple[Target, ...]]:
        """The `[[models]]` as the policy knows them: each name with its targets, the first preferred."""
        upstreams = self.provisioned_upstreams()
        targets: dict[str, tuple[Target, ...]] = {}
        for item in self.models:
            target = Target(upstreams[item.upstream], item.upstream_model or item.name)
            targets[item.name] = (*targets.get(item.name, ()), target)
        return targets


# Names that platforms and people use already. The full SYNAPSE_ name wins over them.
ALIASES = {
    "DATABASE_URL": ("database", "url"),
    "JWT_SECRET": ("admin", "jwt_secret"),
    "ADMIN_PASSWORD": ("admin", "password"),
    "PORT": ("server", "port"),
    "WEB_CONCURRENCY": ("server", "workers"),
}


def load_settings(
    config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    options: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from all sources; `options` are the command line's, such as {"server.port": 9000}; None is not given.

    Raises SettingsError with every problem there is.
    """
    gathered = gather(Settings, config=config, environ=environ, options=options or {}, aliases=ALIASES)
    gathered.tree.setdefault("state_dir", str(_state_dir(environ)))
    policy_file_given = gathered.value(("dlp", "file")) is not None
    if not policy_file_given:
        gathered.put(("dlp", "file"), str(_policy_file(gathered, config, environ)), "default")
    settings, invalid = validation_problems(Settings, gathered)
    problems = [*gathered.problems, *invalid, *_unknown_upstreams(gathered), *_weak_secrets(gathered)]
    if problems or settings is None:
        raise SettingsError([str(problem) for problem in problems])
    settings._policy_file_required = policy_file_given
    return settings


def settings_table() -> str:
    """The settings as Markdown tables, for the documentation."""
    return settings_markdown(Settings, ALIASES)


def _state_dir(environ: Mapping[str, str]) -> Path:
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if base.is_absolute():  # The XDG specification has relative paths ignored.
        return base / "synapse"
    if os.geteuid() == 0:
        return Path("/var/lib/synapse")
    return Path(environ.get("HOME") or Path.home()) / ".local/state/synapse"


def _policy_file(gathered: Gathered, config: Path | None, environ: Mapping[str, str]) -> Path:
    """Where a policy file is looked for: beside the configuration, else in the state directory."""
    configuration = config or Path(environ.get(CONFIG_VARIABLE) or "")
    beside = [configuration.parent] if configuration != Path() else []
    places = [place / "dlp.toml" for place in (*beside, Path(str(gathered.value(("state_dir",)))).expanduser())]
    return next((place for place in places if place.exists()), places[0])


def _unknown_upstreams(gathered: Gathered) -> list[Problem]:
    """References between lists, checked on the raw values so that another mistake does not hide them."""
    names = Counter(item.get("name") for item in gathered.tables("upstreams"))
    problems = [
        gathered.problem(("upstreams", index, "name"), "each upstream needs a name of its own")
        for index, item in enumerate(gathered.tables("upstreams"))
        if item.get("name") is not None and names[item["name"]] > 1
    ]
    known = ", ".join(sorted(str(name) for name in names if name)) or "none is defined; add [[upstreams]]"
    problems += [
        gathered.problem(("models", index, "upstream"), f"it must name one of the [[upstreams]]: {known}")
        for index, item in enumerate(gathered.tables("models"))
        if isinstance(item.get("upstream"), str) and item["upstream"] not in names
    ]
    return problems


def _weak_secrets(gathered: Gathered) -> list[Problem]:
    """A secret that can be guessed is for a loopback address. One that is not given is random, hence never weak."""
    if _is_loopback(str(gathered.value(("server", "host")) or ServerSettings().host)):
        return []
    return [
        gathered.problem(path, f"use at least {length} random characters, or listen on 127.0.0.1 only")
        for path, length in SECRET_LENGTH_MIN.items()
        if isinstance(secret := gathered.value(path), str) and _is_weak(secret, length)
    ]


def _is_weak(secret: str, length_min: int) -> bool:
    # Fewer than six different characters is a pattern such as "aaaa" or "change": its length says nothing.
    return len(secret) < length_min or len(set(secret)) < 6


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
