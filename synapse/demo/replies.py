"""Turns one request into the bytes and pauses of its reply, scripted faults included. No I/O."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import orjson

from . import wire
from .answers import BadRequest, Completion, complete
from .behaviour import Behaviour, DemoOptions, UnknownModelOption, behaviour_of

MODELS = ("echo", "story", "tools", "gpt-4o-mini")
# Names come from clients; more than a test suite uses are simply parsed again.
BEHAVIOURS_MAX = 1_000
# Enough for an error event to arrive in the middle of an answer.
ERROR_EVENT_DELTAS = 2


class Ending(Enum):
    """What happens to the connection after the last piece."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    HANG = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """The pieces of a reply as they are written, the first one after `first_byte_s`, the others `delay_s` apart."""

    pieces: Sequence[bytes]
    first_byte_s: float = 0.0
    delay_s: float = 0.0
    ending: Ending = Ending.KEEP


class Model:
    """Answers requests; it only remembers how many there were, to number them."""

    def __init__(self, options: DemoOptions, clock_s: Callable[[], float]) -> None:
        self._options = options
        self._clock_s = clock_s
        self._numbers = itertools.count(1)
        self._behaviours: dict[str, Behaviour] = {}

    def chat(self, body: bytes) -> Reply:
        """The reply to `POST /v1/chat/completions`."""
        try:
            return self._reply(_parsed(body))
        except UnknownModelOption as error:
            return refusal(404, str(error), code="model_not_found", param="model")
        except BadRequest as error:
            return refusal(400, str(error), code=error.code, param=error.param)

    def _reply(self, request: Mapping[str, Any]) -> Reply:
        behaviour = self._behaviour(request["model"])
        fault = _fault_before_answer(behaviour)
        if fault is not None:
            return fault
        completion = complete(request, behaviour)
        envelope = self._envelope(request, behaviour)
        compose = _stream if request.get("stream") else _document
        return compose(envelope, completion, behaviour)

    def _behaviour(self, model: str) -> Behaviour:
        behaviour = self._behaviours.get(model)
        if behaviour is None:
            behaviour = behaviour_of(model, self._options)
            if len(self._behaviours) < BEHAVIOURS_MAX:
                self._behaviours[model] = behaviour
        return behaviour

    def _envelope(self, request: Mapping[str, Any], behaviour: Behaviour) -> wire.Envelope:
        stream_options = request.get("stream_options")
        return wire.Envelope(
            id=f"chatcmpl-demo{next(self._numbers):08x}",
            created_s=int(self._clock_s()),
            model=request["model"],
            delta_chars=behaviour.delta_chars,
            logprobs=bool(request.get("logprobs")),
            include_usage=isinstance(stream_options, dict) and bool(stream_options.get("include_usage")),
        )


def models() -> Reply:
    """The reply to `GET /v1/models`."""
    entries = [{"id": name, "object": "model", "created": 0, "owned_by": "demo"} for name in MODELS]
    return document(200, {"object": "list", "data": entries})


def document(status: int, value: object) -> Reply:
    """A reply with a JSON document."""
    return Reply([wire.whole(status, orjson.dumps(value))])


def refusal(status: int, message: str, *, code: str | None = None, param: str | None = None) -> Reply:
    """An error as OpenAI tells it."""
    kinds = {429: "rate_limit_error", 500: "server_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    extra = b"retry-after: 1\r\n" if status == 429 else b""
    return Reply([wire.whole(status, wire.error_body(message, kind=kind, code=code, param=param), extra=extra)])


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("The body is not JSON.", code="invalid_json") from error
    if not isinstance(request, dict) or not isinstance(request.get("model"), str):
        raise BadRequest("The body must be an object with a model.", "model")
    return request


def _document(envelope: wire.Envelope, completion: Completion, behaviour: Behaviour) -> Reply:
    response = wire.whole(200, wire.json_body(envelope, completion))
    if behaviour.fault in {"cut", "error_event", "stall"}:
        # Half of what content-length promises.
        ending = Ending.HANG if behaviour.fault == "stall" else Ending.CLOSE
        return Reply([response[: -len(response) // 4]], behaviour.first_byte_s, ending=ending)
    return Reply([response], behaviour.first_byte_s)


def _stream(envelope: wire.Envelope, completion: Completion, behaviour: Behaviour) -> Reply:
    events = wire.role_events(envelope, completion)
    deltas = wire.delta_events(envelope, completion)
    ending = Ending.KEEP
    match behaviour.fault:
        case "cut" | "stall":
            events += deltas[: behaviour.fault_value]
            ending = Ending.CLOSE if behaviour.fault == "cut" else Ending.HANG
        case "error_event":
            error = wire.error_body("The model is overloaded.", kind="server_error", code="overloaded")
            events += [*deltas[:ERROR_EVENT_DELTAS], b"data: %s\n\n" % error]
        case _:
            events += [*deltas, *wire.closing_events(envelope, completion)]
    pieces = [wire.chunk(event) for event in events]
    pieces[0] = wire.STREAM_HEAD + pieces[0]
    if ending is Ending.KEEP:
        pieces[-1] += wire.STREAM_END
    return Reply(pieces, behaviour.first_byte_s, behaviour.delay_s, ending)


def _fault_before_answer(behaviour: Behaviour) -> Reply | None:
    """The reply of a fault that needs no answer to be composed."""
    match behaviour.fault:
        case "status":
            status = behaviour.fault_value
            return refusal(status, f"A scripted {status}.", code=f"scripted_{status}")
        case "hang":
            return Reply([], ending=Ending.HANG)
        case "reset":
            return Reply([], behaviour.first_byte_s, ending=Ending.RESET)
        case "garbage":
            return Reply([b"\x16\x03\x01 this is not HTTP\r\n\r\n"], behaviour.first_byte_s, ending=Ending.CLOSE)
    return None
