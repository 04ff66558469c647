"""Events as upstreams send them, and answers as clients put them together again."""

import json
from collections.abc import Iterable
from typing import Any

from fakes_dlp import FakeRuleset

from synapse.layers.response_dlp import StreamFilter

DONE = b"data: [DONE]\n\n"
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}


def dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def event(payload: object) -> bytes:
    return b"data: " + dump(payload) + b"\n\n"


def chunk(*choices: dict[str, Any], **more: object) -> bytes:
    return event({**HEAD, "choices": list(choices), **more})


def choice(delta: dict[str, Any], reason: str | None = None, *, index: int = 0, **more: object) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason, **more}


def delta(fields: dict[str, Any] | str, reason: str | None = None, *, index: int = 0, **more: object) -> bytes:
    fields = {"content": fields} if isinstance(fields, str) else fields
    return chunk(choice(fields, reason, index=index, **more))


def call(arguments: str, index: int = 0, **more: object) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}, **more}]}


def run(upstream: Iterable[bytes], *rules: Any, **options: Any) -> tuple[StreamFilter, list[bytes]]:
    """Everything that leaves a filter which is fed with these pieces, to the end."""
    stream = StreamFilter(FakeRuleset(*rules), **{"usage_wanted": False, **options})
    out: list[bytes] = []
    for piece in upstream:
        events = stream.feed(piece)
        assert b"" not in events
        out += events
    return stream, out + stream.finish()


def payloads(out: Iterable[bytes]) -> list[dict[str, Any]]:
    """The JSON of every event, [DONE] and comments left out."""
    lines = b"".join(out).decode().split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def texts(out: Iterable[bytes]) -> dict[tuple[object, ...], str]:
    """What a client that joins strings has at the end: choice, path -> text; without roles and identifiers."""
    joined: dict[tuple[object, ...], str] = {}
    for payload in payloads(out):
        for place in payload.get("choices", ()):
            for path, text in _strings(place.get("delta", {})):
                key = (place["index"], *path)
                joined[key] = joined.get(key, "") + text
            if "text" in place:
                joined[place["index"], "text"] = joined.get((place["index"], "text"), "") + place["text"]
    return {key: text for key, text in joined.items() if text}


def reasons(out: Iterable[bytes]) -> dict[int, str]:
    return {
        place["index"]: place["finish_reason"]
        for payload in payloads(out)
        for place in payload.get("choices", ())
        if place["finish_reason"]
    }


def _strings(value: Any, path: tuple[object, ...] = ()) -> Iterable[tuple[tuple[object, ...], str]]:
    if isinstance(value, str):
        if path[-1] not in ("role", "id", "type"):
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            index = item.get("index", position) if isinstance(item, dict) else position
            yield from _strings(item, (*path, index))
