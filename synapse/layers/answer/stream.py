"""A streamed answer: events in, events out. Text waits only while it could still become part of a match."""

from typing import Final

from ...chat import Json
from ...dlp import Finding, Ruleset
from ...errors import UpstreamProtocolError
from ...model import DlpAction
from ...sse import Event, EventReader, data_event
from . import wire
from .channels import Path
from .choice import COMPLETION_TEXT, Choice, delta_for, says_nothing
from .envelope import ENVELOPE, choices_of, index_of, redact_choice_envelope, redact_envelope, text_fields
from .logprobs import may_pass
from .strings import WholeStrings
from .template import Templates
from .verdict import count_findings, encoded_in, join_delivered, read_tokens, strongest_action

DONE: Final = b"data: [DONE]\n\n"
_CLONED: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


class StreamFilter:
    """One streamed chat completion: upstream bytes in, client bytes out.

    `feed` returns nothing any more once the upstream said [DONE] or sent an error, or a block rule stopped it.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        usage_wanted: bool,
        model_shown: str | None = None,
        answer_bytes_max: int | None = None,
    ) -> None:
        """`model_shown` stands in for the model name that the upstream states.

        What is delivered and what is found in it is kept to the end: `answer_bytes_max` is what bounds that.
        """
        self._ended = False  # by one of the next three
        self.done = False
        self.blocked = False
        self.upstream_error: Json | None = None
        self.finish_reason: str | None = None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.delivered_bytes = 0
        self._ruleset = ruleset
        self._usage_wanted = usage_wanted
        self._model_shown = model_shown
        self._answer_bytes_max = answer_bytes_max
        self._bytes = 0  # of the upstream's
        self._reader = EventReader()
        self._strings = WholeStrings(ruleset)
        self._templates = Templates(self._strings)
        self._choices: dict[int, Choice] = {}
        self._encoded: list[Finding] = []  # what decoding shows, known when the answer has ended
        self._envelope: Json = {}  # the last chunk: chunks of our own are cloned from it
        self._stopping = False  # a choice was blocked, and the event that did it is still to leave
        self._out: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Complete events for the client; [] when there are none. Raises UpstreamProtocolError."""
        if not self._ended:
            self._bytes += len(data)
            if self._answer_bytes_max is not None and self._bytes > self._answer_bytes_max:
                raise UpstreamProtocolError(f"The upstream's answer is larger than {self._answer_bytes_max} bytes.")
            # Most pieces are one event, and most events differ in nothing but a text.
            if not (self._reader.idle and self._take_short(data)):
                for event in self._reader.feed(data):
                    if not self._ended and not self._take_short(event.raw):
                        self._take(event)
        return self._flush()

    def finish(self) -> list[bytes]:
        """The upstream's body ended: what was held leaves. Without `done` the answer was not whole."""
        if not self._ended:
            self._end_choices()
        self._encoded = encoded_in(self._choices.values(), self._ruleset)
        return self._flush()

    @property
    def findings(self) -> dict[str, int]:
        """Rule -> how often, over all channels."""
        return count_findings(self._choices.values(), self._strings, self._encoded)

    @property
    def action(self) -> DlpAction:
        return strongest_action(self._choices.values(), self._strings, self._encoded)

    def delivered_text(self) -> bytes:
        """The text as delivered; several texts joined by line feeds, by choice and kind."""
        return join_delivered(self._choices.values())

    def _flush(self) -> list[bytes]:
        out, self._out = self._out, []
        self.delivered_bytes += sum(map(len, out))
        return out

    # Events

    def _take_short(self, raw: bytes) -> bool:
        """An event that differs only in its text from one that was read before. False: it takes the long way."""
        taken = self._templates.take(raw)
        if taken is None:
            return False
        out, template = taken
        if out:
            self._out.append(out)
        if template.channel.blocked:
            template.choice.blocked = True
            self._stop()
        return True

    def _take(self, event: Event) -> None:
        data = event.data
        if event.rest:
            event = self._redact_rest(event)
        if data is None:
            if event.raw:
                self._out.append(event.raw)
        elif data.strip() == b"[DONE]":
            self._end_choices()
            if not self.blocked:
                self.done = self._ended = True
                self._out.append(event.raw or DONE)
        else:
            chunk, ragged = wire.read(data)
            if ragged:
                event = Event(b"", data, event.rest)
            self._take_chunk(event, data, chunk)

    def _redact_rest(self, event: Event) -> Event:
        """Comments and other fields pass when they are clean; an event without `raw` has to be written again."""
        try:
            rest = event.rest.decode()
        except UnicodeDecodeError:
            return Event(b"", event.data)
        return event if self._strings.redact(rest) == rest else Event(b"", event.data)

    def _take_chunk(self, event: Event, data: bytes, chunk: Json) -> None:
        if chunk.get("error") is not None or chunk.get("object") == "error":
            self._end_with_error(event, data, chunk)
            return
        changed = redact_envelope(chunk, self._strings, self._model_shown)
        has_usage = chunk.get("usage") is not None
        if has_usage:
            changed |= self._take_usage(chunk)
        if choices := choices_of(chunk):
            self._take_choices(event, data, chunk, choices, changed)
        elif has_usage or chunk.get("choices") is not None:
            if self._usage_wanted or not has_usage:
                self._emit(event, data, chunk, changed)
        else:
            # Any other kind of event could carry text past the scan.
            raise UpstreamProtocolError("The upstream sent an event that is no chunk of a chat completion.")
        if self._stopping or self._strings.blocked:
            self._stop()

    def _take_usage(self, chunk: Json) -> bool:
        """Count the tokens; they are asked for on our own account and shown only to those who asked too."""
        self.prompt_tokens = read_tokens(chunk["usage"], "prompt_tokens")
        self.completion_tokens = read_tokens(chunk["usage"], "completion_tokens")
        if self._usage_wanted:
            return self._strings.redact_below(chunk, "usage")
        del chunk["usage"]
        return True

    def _take_choices(self, event: Event, data: bytes, chunk: Json, choices: list[Json], changed: bool) -> None:
        self._envelope = chunk
        nothing_left = True
        for place in choices:
            choice = self._choice_at(place, alone=len(choices) == 1)
            choice_changed, empty = self._take_choice(choice, place)
            changed |= choice_changed
            nothing_left &= empty
        if not nothing_left or chunk.get("usage") is not None or not chunk.keys() <= ENVELOPE:
            self._emit(event, data, chunk, changed)
        if len(choices) == 1 and self._model_shown is None and not event.rest:
            self._templates.learn(event, self._choices[index_of(choices[0], 0)], chunk)

    def _take_choice(self, choice: Choice, place: Json) -> tuple[bool, bool]:
        """Whether the choice was changed, and whether that left nothing of it."""
        changed = redact_choice_envelope(place, self._strings)
        if place.pop("message", None) is not None:
            changed = True  # some providers repeat all text so far under this name
        delta = text_fields(place, "delta")
        reason = place.get("finish_reason")
        taken = choice.take(delta, place, last=bool(reason))
        changed |= taken.changed
        self._stopping = self._stopping or choice.blocked
        if place.get("logprobs") is not None and not may_pass(place["logprobs"], taken, self._strings):
            place["logprobs"] = None
            changed = True
        for path, tail in taken.tails:
            self._emit_own(_piece(choice, path, tail))
        if reason and choice.blocked:
            place["finish_reason"] = None
            choice.finished = False
        elif reason and (self.finish_reason is None or choice.index == 0):
            self.finish_reason = str(reason)
        if taken.emptied and says_nothing(place, delta, role_told=choice.role_told):
            return True, True
        choice.role_told = choice.role_told or "role" in delta
        return changed, False

    def _choice_at(self, place: Json, *, alone: bool) -> Choice:
        index = index_of(place, 0 if alone else None)
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = Choice(index, self._ruleset, self._strings)
        return choice

    # Ends

    def _end_choices(self) -> None:
        """No more text will come: what the channels hold leaves, unless it ends in a blocked match."""
        for choice in self._choices.values():
            if choice.finished:
                continue
            for path, tail in choice.finish():
                self._emit_own(_piece(choice, path, tail))
            if choice.blocked:
                choice.finished = False
            self._stopping = self._stopping or choice.blocked
        if self._stopping:
            self._stop()

    def _stop(self) -> None:
        """A block rule matched: what is still held never leaves, and every open choice says why it ends."""
        for choice in self._choices.values():
            if not choice.finished:
                choice.finished = True
                self._emit_own(_last_word(choice))
        self._out.append(DONE)
        self.finish_reason = "content_filter"
        self.blocked = self._ended = True

    def _end_with_error(self, event: Event, data: bytes, chunk: Json) -> None:
        """The upstream's error ends the stream without [DONE], so that nobody takes the answer for whole."""
        self._end_choices()
        if self.blocked:
            return
        # A last delta beside the error would not be scanned together with the text before it.
        changed = chunk.pop("choices", None) is not None
        changed |= self._strings.redact_keys(chunk)
        changed |= self._strings.redact_each(chunk, list(chunk))
        error = chunk.get("error") or {"message": chunk.get("message")}
        self.upstream_error = error if type(error) is dict else {"message": error}
        self._ended = True
        self._emit(event, data, chunk, changed)

    # Output

    def _emit(self, event: Event, data: bytes, chunk: Json, changed: bool) -> None:
        """The event as it came when nothing changed and every parser reads in it what was scanned."""
        written = wire.write(chunk)
        if changed or not event.raw or wire.has_duplicate_keys(data, written):
            self._out.append(data_event(written, event.rest))
        else:
            self._out.append(event.raw)

    def _emit_own(self, place: Json) -> None:
        chunk: Json = {name: self._envelope[name] for name in _CLONED if name in self._envelope}
        self._out.append(data_event(wire.write({**chunk, "choices": [place]})))


def _piece(choice: Choice, path: Path, text: str) -> Json:
    body = {"text": text} if path == COMPLETION_TEXT else {"delta": delta_for(path, text)}
    return {"index": choice.index, **body, "logprobs": None, "finish_reason": None}


def _last_word(choice: Choice) -> Json:
    body: Json = {"text": ""} if COMPLETION_TEXT in choice.channels else {"delta": {}}
    return {"index": choice.index, **body, "logprobs": None, "finish_reason": "content_filter"}
