"""The JSON of answers. What the client's parser reads must be what was scanned, whatever parser it uses."""

import json
import re
from typing import Any

import orjson

from ...chat import Json
from ...errors import UpstreamProtocolError

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read(payload: bytes) -> tuple[Json, bool]:
    """An object from its bytes, and whether its strings hold lone surrogates. Raises UpstreamProtocolError.

    What holds some has to be written again: one parser replaces them, another drops them and joins what they part.
    """
    ragged = False
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError:
        value = _read_ragged(payload)
        ragged = True
    if type(value) is not dict:
        raise UpstreamProtocolError("The upstream's answer is not a JSON object where one must be.")
    return value, ragged


def write(value: Json) -> bytes:
    """Compact JSON; lone surrogates become U+FFFD."""
    try:
        return orjson.dumps(value)
    except TypeError:
        pass
    try:
        return orjson.dumps(json.loads(_LONE_SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False))))
    except (TypeError, RecursionError):
        raise UpstreamProtocolError("The upstream's answer is nested too deeply.") from None


def has_duplicate_keys(payload: bytes, written: bytes) -> bool:
    r"""Whether an object in `payload` has a key twice; `written` is what `read` made of it, written again.

    A key that was dropped takes its two quotes with it. Quotes inside strings are escaped with a backslash on both
    sides and count alike, unless the payload writes one as `\u0022`: then the keys are compared one by one.
    """
    if b"\\u0022" not in payload:
        return payload.count(b'"') != written.count(b'"')
    try:
        json.loads(payload, object_pairs_hook=_refuse_duplicates)
    except (ValueError, RecursionError):
        return True
    return False


def _read_ragged(payload: bytes) -> Any:
    """Some upstreams cut an emoji's two escapes into two deltas. orjson refuses halves of one, `json` reads them."""
    if b"\\ud" in payload or b"\\uD" in payload:
        try:
            return json.loads(payload.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            pass
    raise UpstreamProtocolError("The upstream's answer is not valid JSON.")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError
