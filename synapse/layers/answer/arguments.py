r"""Tool-call arguments are JSON in a text. Rules see them decoded, so that `\u0034` hides nothing, and what replaces a
match leaves JSON as valid as it was: a placeholder inside a string, zero inside a number, nothing for punctuation.
"""

import re
from collections.abc import Sequence
from typing import Literal

from ...dlp import Finding, Redactor
from ...errors import GatewayError
from .channels import Path, TextChannel
from .escapes import ESCAPE, Window, decode, decoded

# Outside strings: digits, one word, or one character that JSON is built with.
_BARE = re.compile(r'([0-9]+)|([^\s{}\[\]:,"0-9+\-.]+)|.', re.DOTALL)
_DIGITS = frozenset("0123456789")
_LITERALS = frozenset(("true", "false", "null"))
# What stands before the first digit of a number's integer part.
_BEFORE_NUMBER = re.compile(r"(?:\A|[^0-9.eE+\-])(-?)\Z")


class ArgumentsChannel(TextChannel):
    """The raw text of a call's arguments; the redactor is fed with what it decodes to."""

    __slots__ = ("_ended", "_in_string", "_open", "_owed", "_rendered", "_seen", "_tail", "_window", "_zeros")

    def __init__(self, path: Path, redactor: Redactor) -> None:
        super().__init__(path, redactor)
        self._open = ""  # raw text of an escape that is not whole yet
        self._window = Window()
        self._owed = ""  # what the redactor let go and could not be rendered yet
        self._seen = 0  # how many of the redactor's findings are done with
        self._rendered = 0  # how many of them had an effect on the text
        self._ended = False
        # Where the text that has left ends.
        self._in_string = False
        self._tail = ""
        self._zeros: tuple[int, str] | None = None  # digits to replace once it is known what follows them

    @property
    def holds(self) -> bool:
        return bool(super().holds or self._open or self._window.length)

    def shown(self, text: str) -> str:
        return decoded(text)

    def _pass(self, text: str) -> str:
        if self._redactor.blocked:
            return ""
        if self._window.length or self._open or self._zeros or "\\" in text:
            return self._render(self._redactor.feed(self._append(self._open + text)))
        out = self._redactor.feed(text)
        if out == text:
            self._window.position += len(text)
            return self._leave(text)
        self._window.append(text, text, None)
        return self._render(out)

    def _end(self) -> str:
        rest = self._append(self._open, final=True)
        out = self._render(self._redactor.feed(rest) if rest else "")
        tail = self._redactor.finish()
        self._ended = True
        return out + self._render(tail) + self._settle_zeros("")

    def _append(self, raw: str, *, final: bool = False) -> str:
        """Take raw text into the window; returns what it decodes to. The beginning of an escape waits."""
        text, offsets, self._open = decode(raw, final=final)
        self._window.append(text, raw[: len(raw) - len(self._open)], offsets)
        return text

    # Rendering

    def _render(self, out: str) -> str:
        """The raw text for what the redactor let go; its findings say which part of it is a replacement."""
        findings = self._new_findings()
        if not out and not findings:
            return ""
        out, self._owed = self._owed + out, ""
        window = self._window
        window.settle()
        parts: list[str] = []
        at = 0
        for finding in findings:
            if finding.action != "alert":
                gap = max(0, finding.start - window.position)
                placeholder = f"[REDACTED:{finding.rule}]"
                if finding.action == "block" or not out.startswith(placeholder, at + gap):
                    break
                parts.append(self._leave(window.take(gap)))
                parts.append(self._replace(window.take_each(finding.end - window.position), placeholder))
                at += gap + len(placeholder)
                self._rendered += 1
            self._seen += 1
        parts.append(self._leave(window.take(self._owe(out[at:]))))
        return "".join(parts)

    def _owe(self, out: str) -> int:
        """How much of the window is what the redactor let go last, with no finding in it."""
        if not self._window.begins(out):
            # The placeholder of a match whose end is not known yet: its finding comes with that.
            text, mark, rest = out.rpartition("[REDACTED:")
            out, self._owed = text, mark + rest
        if not self._window.begins(out):
            # Nothing may leave that is not known to be what the redactor let go.
            raise GatewayError("The redacted tool-call arguments cannot be matched with what was scanned.")
        return len(out)

    def _new_findings(self) -> Sequence[Finding]:
        """Those which were not rendered yet. Those with an effect on the text come in its order."""
        findings = self._redactor.findings
        if self._ended or self._redactor.blocked:
            # Now they are sorted, and alerts which came late stand before others.
            return [finding for finding in findings if finding.action != "alert"][self._rendered :]
        return findings[self._seen :]

    def _leave(self, raw: str) -> str:
        """Raw text that passes as it is."""
        if not raw:
            return ""
        zeros = self._settle_zeros(raw[0])
        quotes = (ESCAPE.sub("", raw) if "\\" in raw else raw).count('"')
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
