"""Renders a tree of settings as Markdown, so that the documentation cannot differ from the code."""

from collections.abc import Mapping, Sequence
from typing import get_args

from pydantic import BaseModel, ByteSize
from pydantic.fields import FieldInfo

from .settings_sources import KeyPath, leaves, variable


def settings_markdown(model: type[BaseModel], aliases: Mapping[str, tuple[str, str]]) -> str:
    """A table of the top level, one of each section, one of each list of tables."""
    fields = list(leaves(model))
    top = [(path, info) for path, info in fields if len(path) == 1 and _item(info) is None]
    parts = [_table("Top level", "", top, aliases)]
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            own = [(path, leaf) for path, leaf in fields if path[0] == name]
            parts.append(_table(f"`[{name}]`", info.annotation.__doc__ or "", own, aliases))
        elif (item := _item(info)) is not None:
            own = [((field,), leaf) for field, leaf in item.model_fields.items()]
            variable_line = f"In the environment: `{variable((name,))}`, as a JSON list."
            parts.append(_table(f"`[[{name}]]`", f"{item.__doc__ or ''} {variable_line}", own, None))
    return "\n\n".join(parts)


def _table(
    title: str, text: str, fields: Sequence[tuple[KeyPath, FieldInfo]], aliases: Mapping[str, tuple[str, str]] | None
) -> str:
    head = ["Setting", "Environment", "Default", "What it does"]
    rows = [
        [f"`{path[-1]}`", *([_variables(path, aliases)] if aliases is not None else []), _default(info), _text(info)]
        for path, info in fields
    ]
    if aliases is None:
        head.remove("Environment")
    lines = [head, ["---"] * len(head), *rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join(part for part in (f"### {title}", text.strip(), body) if part)


def _item(info: FieldInfo) -> type[BaseModel] | None:
    """What a list of tables holds."""
    arguments = get_args(info.annotation)
    item = arguments[0] if arguments else None
    return item if isinstance(item, type) and issubclass(item, BaseModel) else None


def _variables(path: KeyPath, aliases: Mapping[str, tuple[str, str]]) -> str:
    names = [variable(path), *(alias for alias, meant in aliases.items() if meant == path)]
    return ", ".join(f"`{name}`" for name in names)


def _text(info: FieldInfo) -> str:
    secret = "SecretStr" in str(info.annotation)
    return f"{info.description}{' Secret: also as a file, with `_FILE` after the variable.' if secret else ''}"


def _default(info: FieldInfo) -> str:
    extra = info.json_schema_extra
    if isinstance(extra, dict) and "shown_default" in extra:
        return str(extra["shown_default"])
    if info.is_required():
        return "required"
    if info.default is None or info.default == ():
        return "none"
    if isinstance(info.default, ByteSize):
        return f"`{info.default.human_readable()}`"
    return f"`{info.default}`"
