r"""Tool-call arguments are JSON in a text. Rules see them decoded, so that `\u0034` hides nothing, and what replaces a
match leaves JSON as valid as it was: a placeholder inside a string, zero inside a number, nothing for punctuation.
"""

import re
from itertools import pairwise
from typing import Literal

from ...dlp import Finding, Redactor
from ...errors import GatewayError
from .channels import Path, TextChannel

_HEX = "[0-9a-fA-F]"
_HIGH = rf"\\u[dD][89abAB]{_HEX}{{2}}"
_LOW = rf"\\u[dD][c-fC-F]{_HEX}{{2}}"
# One escape that no text to come can change: a pair of surrogates, any other code unit, or a short escape.
_ESCAPE = re.compile(rf"{_HIGH}{_LOW}|\\u(?![dD][89abAB]){_HEX}{{4}}|\\[^u]")
# The beginning of an escape at the end of a text; a high surrogate is one, as its pair may follow.
_OPEN = re.compile(rf"\\(?:u(?:{_HEX}{{0,3}}|[dD][89abAB]{_HEX}{{2}}(?:\\(?:u(?:[dD](?:[c-fC-F]{_HEX}?)?)?)?)?))?\Z")
_UNPAIRED = re.compile(rf"\\u{_HEX}{{4}}")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

# Outside strings: digits, one word, or one character that JSON is built with.
_BARE = re.compile(r'([0-9]+)|([^\s{}\[\]:,"0-9+\-.]+)|.', re.DOTALL)
_DIGITS = frozenset("0123456789")
_LITERALS = frozenset(("true", "false", "null"))
# What stands before the first digit of a number's integer part.
_BEFORE_NUMBER = re.compile(r"(?:\A|[^0-9.eE+\-])(-?)\Z")


class ArgumentsChannel(TextChannel):
    """The raw text of a call's arguments; the redactor is fed with what it decodes to."""

    __slots__ = (
        "_decoded",
        "_in_string",
        "_offsets",
        "_open",
        "_owed",
        "_position",
        "_raw",
        "_rendered",
        "_tail",
        "_zeros",
    )

    def __init__(self, path: Path, redactor: Redactor) -> None:
        super().__init__(path, redactor)
        self._open = ""  # raw text of an escape that is not whole yet
        # The window: what was decoded and has not left, its raw text, where each decoded character begins in that.
        self._decoded = ""
        self._raw = ""
        self._offsets: list[int] | None = None  # None: at the same place, there is no escape in the window
        self._position = 0  # of the window, in decoded characters from the beginning
        self._owed = ""  # what the redactor let go and could not be rendered yet
        self._rendered = 0  # how many findings were
        # Where the text that has left ends.
        self._in_string = False
        self._tail = ""
        self._zeros: tuple[int, str] | None = None  # digits to replace once it is known what follows them

    @property
    def holds(self) -> bool:
        return bool(super().holds or self._open or self._decoded)

    def shown(self, text: str) -> str:
        return decoded(text)

    def _pass(self, text: str) -> str:
        if self._decoded or self._open or self._zeros or "\\" in text:
            return self._render(self._redactor.feed(self._append(self._open + text)))
        out = self._redactor.feed(text)
        if out == text:
            self._position += len(text)
            return self._leave(text)
        self._decoded = self._raw = text
        return self._render(out)

    def _end(self) -> str:
        rest = self._append(self._open, final=True)
        out = self._render(self._redactor.feed(rest) if rest else "")
        return out + self._render(self._redactor.finish()) + self._settle_zeros("")

    # The window

    def _append(self, raw: str, *, final: bool = False) -> str:
        """Take raw text into the window; returns what it decodes to. The beginning of an escape waits."""
        decoded, offsets, self._open = _decode(raw, final=final)
        if self._offsets is not None or offsets is not None:
            base = len(self._raw)
            before = self._offsets if self._offsets is not None else range(base)
            added = offsets if offsets is not None else range(len(raw))
            self._offsets = [*before, *(base + offset for offset in added)]
        self._decoded += decoded
        self._raw += raw[: len(raw) - len(self._open)]
        return decoded

    def _take(self, count: int) -> list[str]:
        """Remove decoded characters from the front of the window; returns the raw text of each."""
        starts = self._offsets if self._offsets is not None else range(len(self._raw))
        bounds = [*starts[:count], starts[count] if count < len(starts) else len(self._raw)]
        units = [self._raw[start:end] for start, end in pairwise(bounds)]
        self._drop(count)
        return units

    def _drop(self, count: int) -> str:
        """Remove decoded characters from the front of the window; returns their raw text."""
        if self._offsets is None:
            end = count
        else:
            end = self._offsets[count] if count < len(self._offsets) else len(self._raw)
            self._offsets = [offset - end for offset in self._offsets[count:]] or None
        raw, self._raw = self._raw[:end], self._raw[end:]
        self._decoded = self._decoded[count:]
        self._position += count
        return raw

    # Rendering

    def _render(self, out: str) -> str:
        """The raw text for what the redactor let go; its findings say which part of it is a replacement."""
        out, self._owed = self._owed + out, ""
        parts = []
        for finding in self._new_findings():
            gap = max(0, finding.start - self._position)
            placeholder = f"[REDACTED:{finding.rule}]"
            if finding.action == "block" or not out.startswith(placeholder, gap):
                break
            parts.append(self._leave(self._drop(gap)))
            parts.append(self._replace(self._take(finding.end - self._position), placeholder))
            out = out[gap + len(placeholder) :]
            self._rendered += 1
        if not self._decoded.startswith(out):
            # The placeholder of a match whose end is not known yet: its finding comes with that.
            text, mark, rest = out.rpartition("[REDACTED:")
            out, self._owed = text, mark + rest
        if not self._decoded.startswith(out):
            # Nothing may leave that is not known to be what the redactor let go.
            raise GatewayError("The redacted tool-call arguments cannot be matched with what was scanned.")
        parts.append(self._leave(self._drop(len(out))))
        return "".join(parts)

    def _new_findings(self) -> list[Finding]:
        """Those with an effect on the text which were not rendered yet. Alerts come late and out of order."""
        acting = [finding for finding in self._redactor.findings if finding.action != "alert"]
        return acting[self._rendered :]

    def _leave(self, raw: str) -> str:
        """Raw text that passes as it is."""
        if not raw:
            return ""
        zeros = self._settle_zeros(raw[0])
        quotes = (_ESCAPE.sub("", raw) if "\\" in raw else raw).count('"')
        self._in_string ^= bool(quotes & 1)
        self._tail = (self._tail + raw)[-2:]
        return zeros + raw

    def _replace(self, units: list[str], placeholder: str) -> str:
        parts, bare, shown = [], "", False
        for unit in units:
            if unit == '"':
                parts.append(self._replace_bare(bare, placeholder) + self._leave(unit))
                bare, shown = "", False
            elif not self._in_string:
                bare += unit
            elif not shown:
                parts.append(self._settle_zeros("") + placeholder)
                shown, self._tail = True, "x"
        return "".join(parts) + self._replace_bare(bare, placeholder)

    def _replace_bare(self, text: str, placeholder: str) -> str:
        """A match outside strings: digits become zero, literals and punctuation stay, other words are replaced."""
        parts = []
        for token in _BARE.finditer(text):
            digits, word = token.groups()
            if digits:
                parts.append(self._settle_zeros(digits[0]))
                self._zeros = (len(digits), self._number_place())
                self._tail = (self._tail + digits)[-2:]
            elif word and word not in _LITERALS and not (word in "eE" and self._tail[-1:] in _DIGITS):
                parts.append(self._settle_zeros(word[0]) + placeholder)
                self._tail = "x"
            else:
                parts.append(self._leave(token.group()))
        return "".join(parts)

    def _number_place(self) -> Literal["", "first", "minus"]:
        before = _BEFORE_NUMBER.search(self._tail)
        if before is None:
            return ""
        return "minus" if before.group(1) else "first"

    def _settle_zeros(self, following: str) -> str:
        """Zero in place of digits, of the same length. JSON forbids `00`, so spaces make up for the length.

        Spaces go before a zero that may go on as a fraction, or after it when a minus stands before it. Where neither
        fits, as in the middle of a longer number, the first digit has to be another one.
        """
        if self._zeros is None:
            return ""
        (count, place), self._zeros = self._zeros, None
        if place == "":
            return "0" * count
        if following in _DIGITS or (place == "minus" and following and following in ".eE"):
            return "1" + "0" * (count - 1)
        space = " " * (count - 1)
        return "0" + space if place == "minus" else space + "0"


def decoded(raw: str) -> str:
    """A whole text of arguments as rules see it."""
    return _decode(raw, final=True)[0]


def _decode(raw: str, *, final: bool) -> tuple[str, list[int] | None, str]:
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
        escape = _ESCAPE.match(raw, slash) or _UNPAIRED.match(raw, slash)
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
