"""Every string of a body that reaches the model, and where it stands."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..._dlp import StringWalk
from ...chat import Json, RequestLimits
from ...errors import InvalidRequest

Path = tuple[str | int, ...]

# Numbers below this cannot hold an identifier worth finding; scanning every `n` and `seed` would be waste.
NUMBER_SCANNED_MIN = 10**7
# Base64 media of a content part has no text to find: the places it may stand at, and what it must look like there.
_MEDIA: dict[Path, re.Pattern[str]] = {
    ("image_url", "url"): re.compile(
        r"data:image/(?:png|jpe?g|gif|webp|bmp|tiff|heic|heif|avif);base64,[A-Za-z0-9+/=]+"
    ),
    ("input_audio", "data"): re.compile(r"[A-Za-z0-9+/=]+"),
    ("file", "file_data"): re.compile(r"data:application/pdf;base64,[A-Za-z0-9+/=]+"),
}
# Anything shorter is no picture and no sound, and scanning it costs nothing.
MEDIA_CHARS_MIN = 256
# Object keys that the API itself defines. All others are the client's words, and are scanned like words.
API_KEYS = frozenset(
    """model messages role content type text name image_url url detail input_audio data format file file_data file_id
    filename refusal tool_calls tool_call_id function function_call arguments id index tools tool_choice parameters
    properties required description strict items enum additionalProperties temperature top_p n stream stream_options
    include_usage stop max_tokens max_completion_tokens presence_penalty frequency_penalty logit_bias logprobs
    top_logprobs user seed response_format json_schema schema parallel_tool_calls metadata store reasoning_effort
    modalities audio prediction service_tier verbosity web_search_options prompt_cache_key safety_identifier""".split()
)
# It collects what `Walk` does, and roles: more is no harm, less would be.
STRINGS = StringWalk(known=API_KEYS, encoded="arguments", number_min=NUMBER_SCANNED_MIN)


@dataclass(slots=True)
class Slot:
    """One string and where it stands: the value `container[key]`, or the key itself when `is_key`."""

    container: Any
    key: Any
    text: str
    path: Path
    is_key: bool = False

    def put(self, text: str, copies: Counter[tuple[int, str]]) -> None:
        """Replace the string. A renamed key gets a number when its object has that key already."""
        if not self.is_key:
            self.container[self.key] = text
            return
        name = text
        while name in self.container:
            copies[id(self.container), text] += 1
            name = f"{text}_{copies[id(self.container), text]}"
        self.container[name] = self.container.pop(self.key)


class Walk:
    """Finds every string below a value, and numbers long enough to be one, with where they stand.

    `media` are the places of the pictures, sounds and documents that it passed over.
    """

    def __init__(self, limits: RequestLimits) -> None:
        self.media: list[Path] = []
        self._limits = limits
        self._found = 0

    def object(self, value: Json, path: Path) -> Iterator[Slot]:
        for key in value:
            # The model's name was matched against the allowlist, and roles against a closed list.
            if path or key != "model":
                yield from self.value(value, key, (*path, key))
            if key not in API_KEYS:
                yield self._slot(value, key, key, (*path, key), is_key=True)

    def value(self, container: Any, key: Any, path: Path) -> Iterator[Slot]:
        value = container[key]
        kind = type(value)
        if kind is str:
            if _is_media(value, path):
                self.media.append(path)
            elif not _is_role(path):
                yield self._slot(container, key, value, path)
        elif kind is dict:
            self._check_depth(path)
            yield from self.object(value, path)
        elif kind is list:
            self._check_depth(path)
            for index in range(len(value)):
                yield from self.value(value, index, (*path, index))
        elif (kind is int or kind is float) and abs(value) >= NUMBER_SCANNED_MIN:
            yield self._slot(container, key, repr(value), path)

    def _slot(self, container: Any, key: Any, text: str, path: Path, *, is_key: bool = False) -> Slot:
        self._found += 1
        if self._found > self._limits.strings_max:
            raise InvalidRequest(f"The body holds more than {self._limits.strings_max} strings.", code="invalid_json")
        return Slot(container, key, text, path, is_key)

    def _check_depth(self, path: Path) -> None:
        if len(path) >= self._limits.json_depth_max:
            raise InvalidRequest(
                f"The body is nested deeper than {self._limits.json_depth_max} levels.", code="invalid_json"
            )


def _is_role(path: Path) -> bool:
    return len(path) == 3 and path[0] == "messages" and path[2] == "role"


def _is_media(value: str, path: Path) -> bool:
    """Only as a content part of a message: messages[i].content[j].image_url.url and its like."""
    if len(value) < MEDIA_CHARS_MIN or len(path) != 6 or path[0] != "messages" or path[2] != "content":
        return False
    form = _MEDIA.get(path[4:])
    return form is not None and form.fullmatch(value) is not None


def shown(path: Path) -> str:
    """`messages[2].content[0].text`. Keys that are the client's own words are not shown: they could be what matched."""
    parts = []
    for part in path:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            parts.append(f".{part}" if part in API_KEYS else ".*")
    return "".join(parts).removeprefix(".")
