"""What stands around the texts of an answer: everything in it is scanned whole, or of a form that says nothing."""

from typing import Any, Final

from ...chat import Json
from ...errors import UpstreamProtocolError
from .strings import WholeStrings

# OpenAI allows n=128. More is an upstream that makes up choices.
CHOICES_MAX = 256
# Seconds since 1970 that a 32-bit number holds; `created` is no more than when an answer was made.
_TIMES: Final = range(2**32)

ENVELOPE: Final = frozenset(
    ("id", "object", "created", "model", "system_fingerprint", "service_tier", "obfuscation", "choices", "usage")
)
_ELSEWHERE: Final = frozenset(("choices", "usage"))
CHOICE: Final = frozenset(("index", "delta", "message", "text", "logprobs", "finish_reason"))
# Token numbers spell the text in a way that cannot be scanned (vLLM's `return_token_ids`).
UNSCANNABLE: Final = "token_ids"


def redact_envelope(answer: Json, strings: WholeStrings, model_shown: str | None) -> bool:
    """Redact in place all but usage and choices; true when something changed."""
    changed = False
    if model_shown is not None and answer.get("model") != model_shown:
        answer["model"] = model_shown
        changed = True
    usual = answer.keys() <= ENVELOPE
    get = answer.get
    told = get("id"), get("object"), get("created"), get("model"), get("system_fingerprint"), get("service_tier")
    if usual and told == strings.envelope:
        # Most events of a stream differ in nothing else, but for padding.
        return (get("obfuscation") is not None and strings.redact_below(answer, "obfuscation")) or changed
    found = not usual and strings.redact_keys(answer)
    for name, value in answer.items():
        if value is not None and name not in _ELSEWHERE and not (name == "created" and is_time(value)):
            found |= strings.redact_below(answer, name)
    if not found:
        strings.envelope = told
    return changed or found


def is_time(value: object) -> bool:
    return type(value) is int and value in _TIMES


def redact_choice_envelope(place: Json, strings: WholeStrings) -> bool:
    """The same for what a choice has beside its texts."""
    changed = False
    if not place.keys() <= CHOICE:
        if place.get(UNSCANNABLE) is not None:
            place[UNSCANNABLE] = None
            changed = True
        changed |= strings.redact_keys(place)
        changed |= strings.redact_each(place, place.keys() - CHOICE)
    reason = place.get("finish_reason")
    if reason:
        changed |= strings.redact_below(place, "finish_reason")
    return changed


def choices_of(answer: Json) -> list[Json]:
    """The choices, [] when there are none. Raises UpstreamProtocolError for what no client could read."""
    choices = answer.get("choices")
    if choices is None:
        return []
    if type(choices) is not list or len(choices) > CHOICES_MAX:
        raise UpstreamProtocolError("The upstream's choices are not a list of choices.")
    for place in choices:
        if type(place) is not dict:
            raise UpstreamProtocolError("The upstream sent a choice that is not an object.")
    return choices


def text_fields(place: Json, name: str) -> Json:
    """The delta or message of a choice; {} when it has none."""
    fields = place.get(name)
    if fields is None:
        return {}
    if type(fields) is not dict:
        raise UpstreamProtocolError(f"The upstream sent a choice whose '{name}' is not an object.")
    return fields


def index_of(place: Json, default: int | None) -> int:
    index: Any = place.get("index", default)
    if type(index) is not int or not 0 <= index < CHOICES_MAX:
        raise UpstreamProtocolError(f"The upstream sent a choice whose index is not one of 0 to {CHOICES_MAX - 1}.")
    return index
