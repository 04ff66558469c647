"""Makes a value that a JSON Schema allows. It knows what SDKs generate from types, not all of JSON Schema."""

from collections.abc import Mapping
from typing import Any

# A schema may refer to itself.
DEPTH_MAX = 8

SCALARS: Mapping[str, object] = {"integer": 1, "number": 1, "boolean": True, "null": None}


def instance_of(schema: Mapping[str, Any], text: str) -> object:
    """A value with `text` in each of its strings."""
    return _Instances(schema.get("$defs", {}), text).make(schema, DEPTH_MAX)


class _Instances:
    def __init__(self, definitions: Mapping[str, Any], text: str) -> None:
        self._definitions = definitions
        self._text = text

    def make(self, schema: Mapping[str, Any], depth: int) -> object:
        schema = self._resolved(schema)
        if depth == 0:
            return None
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        if schema.get("type") == "object":
            return {name: self.make(item, depth - 1) for name, item in schema.get("properties", {}).items()}
        if schema.get("type") == "array":
            return [self.make(schema.get("items", {}), depth - 1)]
        return SCALARS.get(str(schema.get("type")), self._text)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema behind references and alternatives, the first of which is taken."""
        for _ in range(DEPTH_MAX):
            if "$ref" in schema:
                schema = self._definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
            elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
                schema = alternatives[0]
            else:
                break
        return schema
