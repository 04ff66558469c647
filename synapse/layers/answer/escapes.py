r"""JSON's escapes in a text that comes in pieces, decoded, so that `\u0034` hides nothing from a rule."""

import re

_HEX = "[0-9a-fA-F]"
_HIGH = rf"\\u[dD][89abAB]{_HEX}{{2}}"
_LOW = rf"\\u[dD][c-fC-F]{_HEX}{{2}}"
# One escape that no text to come can change: a pair of surrogates, any other code unit, or a short escape.
ESCAPE = re.compile(rf"{_HIGH}{_LOW}|\\u(?![dD][89abAB]){_HEX}{{4}}|\\[^u]")
# The beginning of an escape at the end of a text; a high surrogate is one, as its pair may follow.
_OPEN = re.compile(rf"\\(?:u(?:{_HEX}{{0,3}}|[dD][89abAB]{_HEX}{{2}}(?:\\(?:u(?:[dD](?:[c-fC-F]{_HEX}?)?)?)?)?))?\Z")
_UNPAIRED = re.compile(rf"\\u{_HEX}{{4}}")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def decoded(raw: str) -> str:
    """A whole text of arguments as rules see it."""
    return decode(raw, final=True)[0]


def decode(raw: str, *, final: bool) -> tuple[str, list[int] | None, str]:
    """Decoded text, the offset of each of its characters in `raw` when they differ, the open escape at the end."""
    if "\\" not in raw:
        return raw, None, ""
    parts: list[str] = []
    offsets: list[int] = []
    at = 0
    while (slash := raw.find("\\", at)) >= 0:
        parts.append(raw[at:slash])
        offsets.extend(range(at, slash))
        if not final and _OPEN.match(raw, slash):
            return "".join(parts), offsets, raw[slash:]
        escape = ESCAPE.match(raw, slash) or _UNPAIRED.match(raw, slash)
        at = escape.end() if escape else slash + 1
        parts.append(_character(raw[slash:at]))
        offsets.append(slash)
    parts.append(raw[at:])
    offsets.extend(range(at, len(raw)))
    return "".join(parts), offsets, ""


def _character(escape: str) -> str:
    if len(escape) == 12:
        high, low = int(escape[2:6], 16), int(escape[8:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    if len(escape) == 6:
        unit = chr(int(escape[2:], 16))  # noqa: FURB166  # the prefix is no 0x
        return "\ufffd" if "\ud800" <= unit <= "\udfff" else unit
    return _SHORT.get(escape[-1], escape[-1])


class Window:
    """Text that was scanned and has not left: decoded, as the rules saw it, and raw, as it is delivered.

    It is taken from the front by counts of decoded characters. Taking moves a cursor, and what comes is only put by,
    so that neither many matches in one piece nor one match in many pieces copies the text again and again.
    """

    __slots__ = ("_at", "_come", "_decoded", "_offsets", "_raw", "_raw_length", "length", "position")

    def __init__(self) -> None:
        self.position = 0  # of the cursor, in decoded characters from the beginning of the whole text
        self.length = 0  # decoded characters from the cursor on
        self._at = 0  # the cursor
        self._decoded = ""
        self._raw = ""
        self._raw_length = 0  # with what has come since
        self._come: list[tuple[str, str]] = []  # decoded and raw, to be joined when it is looked at
        self._offsets: list[int] | None = None  # of each decoded character in the raw text; None: at the same place

    def append(self, decoded: str, raw: str, offsets: list[int] | None) -> None:
        if not self.length:
            self._decoded, self._raw, self._offsets, self._at = decoded, raw, offsets, 0
            self.length, self._raw_length = len(decoded), len(raw)
            return
        if self._offsets is None and offsets is not None:
            self._offsets = list(range(self._raw_length))
        if self._offsets is not None:
            base = self._raw_length
            self._offsets.extend(range(base, base + len(raw)) if offsets is None else [base + at for at in offsets])
        self._come.append((decoded, raw))
        self.length += len(decoded)
        self._raw_length += len(raw)

    def settle(self) -> None:
        """Forget what was taken and join what has come; needed before taking from it."""
        if not self._at and not self._come:
            return
        end = self._offset(self._at)
        if self._offsets is not None:
            self._offsets = [offset - end for offset in self._offsets[self._at :]] or None
        self._decoded = self._decoded[self._at :] + "".join([decoded for decoded, _ in self._come])
        self._raw = self._raw[end:] + "".join([raw for _, raw in self._come])
        self._raw_length = len(self._raw)
        self._come.clear()
        self._at = 0

    def begins(self, text: str) -> bool:
        return self._decoded.startswith(text, self._at)

    def take(self, count: int) -> str:
        """The raw text of the next decoded characters."""
        start = self._offset(self._at)
        self._advance(count)
        return self._raw[start : self._offset(self._at)]

    def take_each(self, count: int) -> list[str]:
        """The same, for each character its own."""
        start = self._at
        self._advance(count)
        bounds = [self._offset(index) for index in range(start, self._at + 1)]
        return [self._raw[bounds[n] : bounds[n + 1]] for n in range(len(bounds) - 1)]

    def _advance(self, count: int) -> None:
        count = min(count, self.length)
        self._at += count
        self.position += count
        self.length -= count

    def _offset(self, index: int) -> int:
        if self._offsets is None:
            return index
        return self._offsets[index] if index < len(self._offsets) else len(self._raw)
