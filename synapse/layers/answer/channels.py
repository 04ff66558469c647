"""A channel is one text that grows piece by piece: a field of one choice. Each has its own redactor."""

import re

from ...dlp import Finding, Redactor

Path = tuple[str | int, ...]

_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class TextChannel:
    """Plain text. What `feed` and `finish` return is what may leave, and is kept as delivered."""

    __slots__ = ("_closed", "_found", "_held", "_high", "_redactor", "delivered", "path")

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self.delivered: list[str] = []
        self._redactor = redactor
        self._high = ""  # half of a surrogate pair, until the other half comes
        self._held = 0
        self._found = 0
        self._closed = False

    @property
    def blocked(self) -> bool:
        return self._redactor.blocked

    @property
    def findings(self) -> list[Finding]:
        return self._redactor.findings

    @property
    def holds(self) -> bool:
        """Whether text that was fed may not have left yet. Once something was replaced it stays true."""
        return self._held != 0

    def feed(self, text: str) -> str:
        if self._high or not text.isascii():
            text = self._join_surrogates(text)
        out = self._pass(text)
        if out:
            self.delivered.append(out)
        if self._held or out != text:
            self._count_held(len(text) - len(out))
        return out

    def finish(self) -> str:
        """The text's end; what was held back and may leave."""
        if self._closed:
            return ""
        self._closed = True
        out = (self._pass("\ufffd") if self._high else "") + self._end()
        self._high = ""
        if out:
            self.delivered.append(out)
        return out

    def shown(self, text: str) -> str:
        """A whole text as the redactor would see it."""
        return text

    def pass_whole(self, text: str) -> None:
        """The whole text leaves: a scan of what is `shown` of it found nothing."""
        self._closed = True
        self.delivered.append(text)

    def _pass(self, text: str) -> str:
        return self._redactor.feed(text)

    def _end(self) -> str:
        return self._redactor.finish()

    def _join_surrogates(self, text: str) -> str:
        """Pairs become the character they stand for, an open half at the end waits, others become U+FFFD."""
        text = self._high + text
        self._high = ""
        if _SURROGATE.search(text) is None:
            return text
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._high = text[:-1], text[-1]
        text = _PAIR.sub(lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), text)
        return _SURROGATE.sub("\ufffd", text)

    def _count_held(self, more: int) -> None:
        # Lengths tell what is held as long as nothing was replaced; after that nothing is certain.
        self._held += more
        findings = self._redactor.findings
        if any(finding.action != "alert" for finding in findings[self._found :]):
            self._held = 1 << 62
        self._found = len(findings)
