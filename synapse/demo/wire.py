"""Writes completions in OpenAI's shapes: one JSON document, or server-sent events, and HTTP/1.1 around them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from .answers import Answer, Completion

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large", 429: "Too Many Requests"}
JSON_TYPE = b"application/json"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
STREAM_END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all chunks of one answer repeat."""

    id: str
    created_s: int
    model: str
    delta_chars: int
    logprobs: bool = False
    include_usage: bool = False


def json_body(envelope: Envelope, completion: Completion) -> bytes:
    """`chat.completion`."""
    choices = [_choice(envelope, index, answer) for index, answer in enumerate(completion.answers)]
    return orjson.dumps(
        {
            "id": envelope.id,
            "object": "chat.completion",
            "created": envelope.created_s,
            "model": envelope.model,
            "choices": choices,
            "usage": _usage(completion),
            "system_fingerprint": "fp_demo",
        }
    )


def role_events(envelope: Envelope, completion: Completion) -> list[bytes]:
    """The first event of each choice: its role, and for a tool call its name."""
    return [
        _event(envelope, index, _opening(envelope, index, answer)) for index, answer in enumerate(completion.answers)
    ]


def delta_events(envelope: Envelope, completion: Completion) -> list[bytes]:
    """The text of all choices in pieces, taking turns."""
    streams = [list(_deltas(envelope, index, answer)) for index, answer in enumerate(completion.answers)]
    if len(streams) == 1:
        return streams[0]
    longest = max(map(len, streams))
    return [stream[turn] for turn in range(longest) for stream in streams if turn < len(stream)]


def closing_events(envelope: Envelope, completion: Completion) -> list[bytes]:
    """Finish reasons, the usage when it was asked for, and `[DONE]`."""
    events = [
        _event(envelope, index, b"{}", finish_reason=answer.finish_reason)
        for index, answer in enumerate(completion.answers)
    ]
    if envelope.include_usage:
        events.append(b"%s[],%s}\n\n" % (_prefix(envelope), orjson.dumps({"usage": _usage(completion)})[1:-1]))
    return [*events, DONE]


def error_body(message: str, *, kind: str, code: str | None, param: str | None = None) -> bytes:
    """OpenAI's error document."""
    return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def whole(status: int, body: bytes, *, extra: bytes = b"", content_type: bytes = JSON_TYPE) -> bytes:
    """A complete HTTP/1.1 response; `extra` are header lines, each with its line end."""
    reason = REASONS.get(status, "Error").encode()
    return b"HTTP/1.1 %d %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n%s\r\n%s" % (
        status,
        reason,
        content_type,
        len(body),
        extra,
        body,
    )


def chunk(data: bytes) -> bytes:
    """A piece of a body with `transfer-encoding: chunked`."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def _choice(envelope: Envelope, index: int, answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool is not None:
        message["content"] = None
        message["tool_calls"] = [_tool_call(envelope, index, answer.tool, answer.text)]
    logprobs = _logprobs(_pieces(answer.text, envelope.delta_chars)) if envelope.logprobs and not answer.tool else None
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": answer.finish_reason}


def _tool_call(envelope: Envelope, index: int, name: str, arguments: str) -> dict[str, Any]:
    call_id = f"call_{envelope.id.removeprefix('chatcmpl-')}{index}"
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _opening(envelope: Envelope, index: int, answer: Answer) -> bytes:
    if answer.tool is None:
        return b'{"role":"assistant","content":"","refusal":null}'
    call = {"index": 0, **_tool_call(envelope, index, answer.tool, "")}
    return orjson.dumps({"role": "assistant", "content": None, "tool_calls": [call]})


def _deltas(envelope: Envelope, index: int, answer: Answer) -> Iterator[bytes]:
    """One event for each piece; only the piece itself is serialised anew, as this is what benchmarks run most."""
    if answer.tool is not None:
        before, after = b'{"tool_calls":[{"index":0,"function":{"arguments":', b"}}]}"
    else:
        before, after = b'{"content":', b"}"
    for piece in _pieces(answer.reasoning, envelope.delta_chars):
        yield _event(envelope, index, b'{"reasoning_content":%s}' % orjson.dumps(piece))
    if envelope.logprobs and answer.tool is None:
        for piece in _pieces(answer.text, envelope.delta_chars):
            logprobs = orjson.dumps(_logprobs([piece]))
            yield _event(envelope, index, b'{"content":%s}' % orjson.dumps(piece), logprobs=logprobs)
        return
    head = b'%s[{"index":%d,"delta":%s' % (_prefix(envelope), index, before)
    tail = b'%s,"logprobs":null,"finish_reason":null}]%s}\n\n' % (after, _no_usage(envelope))
    for piece in _pieces(answer.text, envelope.delta_chars):
        yield head + orjson.dumps(piece) + tail


def _event(
    envelope: Envelope, index: int, delta: bytes, *, finish_reason: str | None = None, logprobs: bytes = b"null"
) -> bytes:
    return b'%s[{"index":%d,"delta":%s,"logprobs":%s,"finish_reason":%s}]%s}\n\n' % (
        _prefix(envelope),
        index,
        delta,
        logprobs,
        orjson.dumps(finish_reason),
        _no_usage(envelope),
    )


def _prefix(envelope: Envelope) -> bytes:
    fields = {
        "id": envelope.id,
        "object": "chat.completion.chunk",
        "created": envelope.created_s,
        "model": envelope.model,
        "system_fingerprint": "fp_demo",
    }
    return b'data: %s,"choices":' % orjson.dumps(fields)[:-1]


def _no_usage(envelope: Envelope) -> bytes:
    return b',"usage":null' if envelope.include_usage else b""


def _usage(completion: Completion) -> Mapping[str, int]:
    prompt, completed = completion.prompt_tokens, completion.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completed, "total_tokens": prompt + completed}


def _logprobs(pieces: list[str]) -> dict[str, Any]:
    content = [
        {"token": piece, "logprob": -0.125, "bytes": list(piece.encode()), "top_logprobs": []} for piece in pieces
    ]
    return {"content": content, "refusal": None}


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
