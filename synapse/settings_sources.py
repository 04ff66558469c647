"""Gathers values for a tree of pydantic models and remembers where each came from, so that every problem can be told.

Nothing here knows a particular setting.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

PREFIX = "SYNAPSE_"
CONFIG_VARIABLE = "SYNAPSE_CONFIG"
# What an unknown or misused name may have been meant for: then its value is not shown.
SECRET_WORDS = ("secret", "password", "key", "token")
# Longer values are cut in messages; a line should stay readable.
SHOWN_LENGTH_MAX = 120

KeyPath = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)


class SettingsError(Exception):
    """The settings cannot be used; `problems` has a line for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it was made, what it says there, what to do."""

    source: str
    key: str
    value: object
    remedy: str

    def __str__(self) -> str:
        given = self.key if isinstance(self.value, Absent) else f"{self.key} = {_shown(self.value)}"
        return f"{self.source}: {given}: {self.remedy}"


class Masked:
    """Stands for a value that must not be shown."""


class Absent:
    """Stands for a value that was not given."""


@dataclass(slots=True)
class Gathered:
    """The values of all sources in one tree, with the source of each."""

    tree: dict[str, Any] = field(default_factory=dict)
    sources: dict[KeyPath, str] = field(default_factory=dict)
    secrets: frozenset[KeyPath] = frozenset()
    problems: list[Problem] = field(default_factory=list)

    def value(self, path: KeyPath) -> object:
        """The value at `path`, None when there is none."""
        found: Any = self.tree
        for part in path:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def tables(self, name: str) -> list[Mapping[str, Any]]:
        """The entries of a list of tables; what is not a table counts as an empty one, so that indices hold."""
        items = self.tree.get(name)
        return [item if isinstance(item, dict) else {} for item in items] if isinstance(items, list) else []

    def problem(self, path: KeyPath, remedy: str) -> Problem:
        """A problem with the value at `path`."""
        value = self.value(path)
        secret = path in self.secrets or (isinstance(value, str) and _sounds_secret(str(path[-1])))
        shown = Absent() if value is None else Masked() if secret else value
        return Problem(self._source(path), _dotted(path), shown, remedy)

    def unknown(self, path: KeyPath, meant: str) -> Problem:
        """A problem with a name that is no setting, but perhaps `meant` for one."""
        return Problem(self._source(path), _dotted(path), _unless_secret(self.value(path), meant), _unknown(meant))

    def put(self, path: KeyPath, value: object, source: str) -> None:
        """Set a value, over any earlier source's. A section that is no table is reported by validation instead."""
        table = self.tree
        for part in path[:-1]:
            table = table.setdefault(str(part), {})
            if not isinstance(table, dict):
                return
        table[str(path[-1])] = value
        self.sources[path] = source

    def _source(self, path: KeyPath) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in self.sources:
                return self.sources[path[:length]]
        return self.sources.get((), "settings")


def gather(
    model: type[BaseModel],
    *,
    config: Path | None,
    environ: Mapping[str, str],
    options: Mapping[str, Any],
    aliases: Mapping[str, tuple[str, str]],
) -> Gathered:
    """Read the file, then lay the environment and the command line over it."""
    fields = dict(leaves(model))
    gathered = Gathered(secrets=frozenset(path for path, info in fields.items() if _is_secret_field(info)))
    _read_file(gathered, config, environ)
    _read_environment(gathered, fields, environ, aliases)
    for key, value in options.items():
        if value is not None:
            gathered.put(tuple(key.split(".")), value, "command line")
    return gathered


def leaves(model: type[BaseModel], prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, FieldInfo]]:
    """Every setting with its path; sections are walked, lists of tables are one setting."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from leaves(info.annotation, (*prefix, name))
        else:
            yield (*prefix, name), info


def variable(path: KeyPath) -> str:
    """The environment variable of a setting."""
    return PREFIX + "__".join(str(part).upper() for part in path)


def validation_problems(model: type[Model], gathered: Gathered) -> tuple[Model | None, list[Problem]]:
    """The validated model, or everything that is wrong with the values."""
    try:
        return model.model_validate(gathered.tree), []
    except ValidationError as error:
        known = [_dotted(path) for path, _ in leaves(model)]
        return None, [_problem_of(dict(item), model, gathered, known) for item in error.errors(include_url=False)]


def _read_file(gathered: Gathered, config: Path | None, environ: Mapping[str, str]) -> None:
    named_by = "--config" if config is not None else CONFIG_VARIABLE
    path = config if config is not None else Path(environ.get(CONFIG_VARIABLE, ""))
    if path == Path():
        return
    gathered.sources[()] = str(path)
    try:
        gathered.tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = f"it cannot be read ({error.strerror}); correct the path or its permissions"
        gathered.problems.append(Problem(named_by, "configuration file", str(path), remedy))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        gathered.problems.append(Problem(str(path), "file", Absent(), f"it is not valid TOML: {error}"))


def _read_environment(
    gathered: Gathered,
    fields: Mapping[KeyPath, FieldInfo],
    environ: Mapping[str, str],
    aliases: Mapping[str, tuple[str, str]],
) -> None:
    names: dict[str, KeyPath] = {**aliases, **{variable(path): path for path in fields}}
    for name, path in names.items():  # Aliases first, so that the full name wins.
        value = _variable_value(gathered, name, environ, secret=path in gathered.secrets)
        if value:  # An empty variable is how compose files say "not set".
            gathered.put(path, _parsed(value, fields[path]), name)
    readable = {*names, CONFIG_VARIABLE, *(f"{name}_FILE" for name, path in names.items() if path in gathered.secrets)}
    for name in sorted(environ.keys() - readable):
        meant = _meant_variable(name, environ[name], names)
        if meant is not None:
            shown = _unless_secret(environ[name], meant)
            gathered.problems.append(Problem("environment", name, shown, _unknown(meant)))


def _variable_value(gathered: Gathered, name: str, environ: Mapping[str, str], *, secret: bool) -> str:
    value, file_name = environ.get(name, ""), f"{name}_FILE"
    path = environ.get(file_name, "") if secret else ""
    if not path:
        return value
    if value:
        remedy = f"{name} is set too; keep one of them"
        gathered.problems.append(Problem("environment", file_name, path, remedy))
        return value
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        remedy = "it cannot be read as text; correct the path or its permissions"
        gathered.problems.append(Problem("environment", file_name, path, remedy))
        return ""


def _parsed(value: str, info: FieldInfo) -> object:
    """Lists are JSON, or words between commas; everything else is pydantic's to convert."""
    if "tuple" not in str(info.annotation):
        return value
    if not value.lstrip().startswith("["):
        return [word.strip() for word in value.split(",") if word.strip()]
    try:
        return json.loads(value)
    except ValueError:
        return value


def _meant_variable(name: str, value: str, names: Mapping[str, KeyPath]) -> str | None:
    """The setting a stray variable seems meant for, "" when that is not known, None when it is none of ours.

    Kubernetes sets SYNAPSE_PORT=tcp://…, SYNAPSE_SERVICE_HOST and the like for a service of that name, and an
    upstream's key may be in a variable of any name. So only what has our double underscore, or nearly spells a
    setting, is taken for one.
    """
    if not name.startswith(PREFIX) or "_SERVICE_" in name or value.startswith(("tcp://", "udp://")):
        return None
    full = [known for known in names if known.startswith(PREFIX)]
    if "__" in name:
        return next(iter(difflib.get_close_matches(name, full, n=1, cutoff=0.7)), "")
    spellings = {known: known for known in full} | {known.replace("__", "_"): known for known in full}
    spellings |= {PREFIX + alias: alias for alias in names if not alias.startswith(PREFIX)}
    close = difflib.get_close_matches(name, spellings, n=1, cutoff=0.9)
    return spellings[close[0]] if close else None


def _problem_of(item: dict[str, Any], model: type[BaseModel], gathered: Gathered, known: Sequence[str]) -> Problem:
    path: KeyPath = item["loc"]
    kind, message = item["type"], str(item["msg"])
    if kind == "extra_forbidden":
        return gathered.unknown(path, _meant_key(path, model, known))
    if kind == "missing":
        return gathered.problem(path, "it is required; add it")
    if kind in {"model_type", "model_attributes_type"}:
        return gathered.problem(path, "it must be a table")
    if kind == "tuple_type":
        return gathered.problem(path, "it must be a list")
    remedy = message.removeprefix("Value error, ")
    return gathered.problem(path, remedy.replace("Input should", "it should").replace("String should", "it should"))


def _meant_key(path: KeyPath, model: type[BaseModel], known: Sequence[str]) -> str:
    """The closest key: first one of the same name in another section, then one that is spelt alike."""
    if len(path) == 3:  # Within a list of tables, only its own keys can be meant.
        own = get_args(model.model_fields[str(path[0])].annotation)[0].model_fields
        close = difflib.get_close_matches(str(path[-1]), own, n=1)
        return _dotted((*path[:-1], close[0])) if close else ""
    elsewhere = [key for key in known if key.rpartition(".")[2] == path[-1]]
    sections = [name for name in model.model_fields if len(path) == 1]
    close = elsewhere or difflib.get_close_matches(_dotted(path), [*known, *sections], n=1)
    return close[0] if close else ""


def _unknown(meant: str) -> str:
    return f"unknown setting; did you mean {meant}?" if meant else "unknown setting; remove it"


def _unless_secret(value: object, meant: str) -> object:
    """The text under an unknown name is shown only when it is clear what it was meant for, and that is no secret."""
    return Masked() if isinstance(value, str) and (not meant or _sounds_secret(meant)) else value


def _sounds_secret(name: str) -> bool:
    return any(word in name.lower() for word in SECRET_WORDS)


def _is_secret_field(info: FieldInfo) -> bool:
    return info.annotation is SecretStr or "SecretStr" in str(info.annotation)


_URL_CREDENTIALS = re.compile(r"//[^/@\s]*@")


def _shown(value: object) -> str:
    if isinstance(value, Masked):
        return "***"
    if isinstance(value, dict | list) or (isinstance(value, str) and "{" in value):
        return "…"  # A whole table may hold a secret under a misspelt name.
    # A URL of any kind may hold credentials.
    shown = _URL_CREDENTIALS.sub("//***@", repr(value))
    return shown if len(shown) <= SHOWN_LENGTH_MAX else f"{shown[:SHOWN_LENGTH_MAX]}…"


def _dotted(path: KeyPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
