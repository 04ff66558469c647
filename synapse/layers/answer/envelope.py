"""What stands around the texts of an answer: known names pass, strings under any other name are scanned whole."""

from typing import Any, Final

from ...chat import Json
from ...errors import UpstreamProtocolError
from .strings import WholeStrings

# OpenAI allows n=128. More is an upstream that makes up choices.
CHOICES_MAX = 256

ENVELOPE: Final = frozenset(
    ("id", "object", "created", "model", "system_fingerprint", "service_tier", "obfuscation", "choices", "usage")
)
CHOICE: Final = frozenset(("index", "delta", "message", "text", "logprobs", "finish_reason"))
# Token numbers spell the text in a way that cannot be scanned (vLLM's `return_token_ids`).
UNSCANNABLE: Final = "token_ids"


def redact_envelope(answer: Json, strings: WholeStrings, model_shown: str | None) -> bool:
    """Redact in place all but usage and choices; true when something changed."""
    changed = False
    if model_shown is not None and answer.get("model") != model_shown:
        answer["model"] = model_shown
        changed = True
    if not answer.keys() <= ENVELOPE:
        changed |= strings.redact_each(answer, answer.keys() - ENVELOPE)
    return changed


def redact_choice_envelope(place: Json, strings: WholeStrings) -> bool:
    """The same for what a choice has beside its texts."""
    changed = False
    if place.get(UNSCANNABLE) is not None:
        place[UNSCANNABLE] = None
        changed = True
    if not place.keys() <= CHOICE:
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
    if type(index) is not int:
        raise UpstreamProtocolError("The upstream sent a choice without an index.")
    return index
