"""An answer that comes in one piece: the same channels, each fed once."""

from typing import NamedTuple

from ...chat import Json
from ...dlp import Ruleset, Side
from ...dlp.views import hints_of
from ...errors import UpstreamError, UpstreamProtocolError
from ...model import DlpAction
from . import wire
from .choice import Choice, Leaf, Taken, rank
from .envelope import choices_of, index_of, redact_choice_envelope, redact_envelope, text_fields
from .logprobs import spelled
from .plain import read_plain, reads_alike
from .strings import WholeStrings
from .verdict import count_findings, encoded_in, join_delivered, join_texts, read_tokens, strongest_action

# A model thinks, then speaks, then calls: what a block rule stops, it stops from there on.
_GENERATION_ORDER = {2: 0, 0: 1, 1: 1, 3: 2, 4: 3}


class FilteredAnswer(NamedTuple):
    """What may leave of an answer. `body` is the upstream's own bytes when nothing had to change."""

    body: bytes
    findings: dict[str, int]  # rule -> how often
    action: DlpAction
    blocked: bool
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    text: bytes  # as delivered; several texts joined by line feeds


def filter_answer(ruleset: Ruleset, body: bytes, *, model_shown: str | None = None) -> FilteredAnswer:
    """Every channel as the stream would have delivered it. Raises UpstreamError for what is no answer.

    A blocked choice loses its text from the match on and all its tool calls; other choices stay.
    """
    answer, ragged = wire.read(body)
    if not ragged and (model_shown is None or answer.get("model") == model_shown):
        texts = read_plain(answer)
        if texts is not None and _is_clean(ruleset, texts.scanned) and reads_alike(answer, body):
            return _as_it_came(answer, body, join_texts(texts.delivered))
    return filter_closely(ruleset, body, answer, ragged=ragged, model_shown=model_shown)


def _is_clean(ruleset: Ruleset, texts: list[str]) -> bool:
    """Nothing is found, and nothing looks as if it were encoded."""
    return ruleset.clean(texts, Side.ANSWER) and not (ruleset.options.views and hints_of(texts))


def filter_closely(
    ruleset: Ruleset, body: bytes, answer: Json, *, ragged: bool, model_shown: str | None = None
) -> FilteredAnswer:
    """The same for any answer, whatever its shape and whatever is found in it: one channel for each text."""
    _require_choices(answer)
    strings = WholeStrings(ruleset)
    changed = ragged | redact_envelope(answer, strings, model_shown)
    if answer.get("usage") is not None:
        changed |= strings.redact_below(answer, "usage")
    choices: list[Choice] = []
    for position, place in enumerate(choices_of(answer)):
        choice = Choice(index_of(place, position), ruleset, strings)
        changed |= _take_choice(choice, place, strings, ragged=ragged)
        choices.append(choice)
    encoded = encoded_in(choices, ruleset)
    blocked = strings.blocked or any(choice.blocked for choice in choices)
    written = wire.write(answer)
    return FilteredAnswer(
        body=written if changed or wire.has_duplicate_keys(body, written) else body,
        findings=count_findings(choices, strings, encoded),
        action=strongest_action(choices, strings, encoded),
        blocked=blocked,
        finish_reason="content_filter" if blocked else _finish_reason(answer),
        prompt_tokens=read_tokens(answer.get("usage"), "prompt_tokens"),
        completion_tokens=read_tokens(answer.get("usage"), "completion_tokens"),
        text=join_delivered(choices),
    )


def _require_choices(answer: Json) -> None:
    """Some upstreams say what went wrong with status 200; others answer with something else altogether."""
    choices = answer.get("choices")
    if answer.get("error") is not None and not choices:
        raise UpstreamError("The upstream sent an error in place of an answer. Look for its cause in the upstream.")
    if type(choices) is not list:
        raise UpstreamProtocolError("The upstream's answer has no list of choices.")


def _as_it_came(answer: Json, body: bytes, text: bytes) -> FilteredAnswer:
    usage = answer.get("usage")
    return FilteredAnswer(
        body=body,
        findings={},
        action="none",
        blocked=False,
        finish_reason=_finish_reason(answer),
        prompt_tokens=read_tokens(usage, "prompt_tokens"),
        completion_tokens=read_tokens(usage, "completion_tokens"),
        text=text,
    )


def _take_choice(choice: Choice, place: Json, strings: WholeStrings, *, ragged: bool) -> bool:
    changed = redact_choice_envelope(place, strings)
    message = text_fields(place, "message")
    # Halves of characters have to be joined or replaced, as in a stream.
    taken = choice.take(message, place, last=True) if ragged else choice.take_whole(message, place)
    if place.get("delta") is not None:
        changed |= strings.redact_below(place, "delta")
    if place.get("logprobs") is not None and not _logprobs_may_pass(place["logprobs"], taken, strings):
        place["logprobs"] = None
        changed = True
    if choice.blocked or strings.blocked:
        _stop(choice, place, message, taken.leaves)
        changed = True
    return changed or taken.changed


def _logprobs_may_pass(logprobs: object, taken: Taken, strings: WholeStrings) -> bool:
    """Only beside text that did not change. Tokens that spell more than the text must be clean themselves."""
    text = spelled(logprobs)
    return text is not None and not taken.changed and strings.redact(text) == text and strings.may_pass(logprobs)


def _stop(choice: Choice, place: Json, message: Json, leaves: list[Leaf]) -> None:
    place["finish_reason"] = "content_filter"
    stopped = False
    for leaf in sorted(leaves, key=lambda leaf: _GENERATION_ORDER[rank(leaf.channel.path)]):
        if stopped:
            leaf.container[leaf.key] = ""
            leaf.channel.delivered.clear()
        stopped |= leaf.channel.blocked
    # Nobody should run a call that was stopped, or what came after it.
    for name in ("tool_calls", "function_call"):
        message.pop(name, None)
    for path, channel in choice.channels.items():
        if path[0] in ("tool_calls", "function_call"):
            channel.delivered.clear()


def _finish_reason(answer: Json) -> str | None:
    for place in choices_of(answer):
        if place.get("finish_reason"):
            return str(place["finish_reason"])
    return None
