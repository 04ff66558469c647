"""A view: what a stretch of a text says when it is decoded, and which characters of the text each part came from."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

# A character of a view, and the place of the text it was made of.
Spelled = tuple[str, int, int]

# How much of the text around something decoded belongs to its view: no match that stands alone is longer, but for
# those whose beginning is enough.
MARGIN_CHARS = 256
# A view that grows longer is ended, and the next one begins with its last margins: so each takes little time to scan.
VIEW_CHARS_MAX = 8 * 1024
# What is decoded of one text, all its views together. It bounds the work that a short text can make.
DECODED_CHARS_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class View:
    """`starts` and `ends` are the places of each character in the text; without them all stand for `span`."""

    text: str
    span: tuple[int, int] = (0, 0)
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text the characters of the view from `start` to `end` came from."""
        return (self.starts[start], self.ends[end - 1]) if self.starts else self.span

    def through(self, outer: "View") -> "View":
        """This view of `outer`, as a view of the text that `outer` is one of."""
        if not self.starts:
            return View(self.text, outer.place(*self.span))
        if not outer.starts:
            return View(self.text, outer.span)
        starts = array("I", (outer.starts[start] for start in self.starts))
        return View(self.text, starts=starts, ends=array("I", (outer.ends[end - 1] for end in self.ends)))


class Budget:
    """How much may still be decoded of one text, segment by segment.

    `over_at` is the place in the text where it first did not suffice. `in_media` says that the last segment ended
    within a picture or the like, which goes on in the next.
    """

    __slots__ = ("_chars", "_start", "in_media", "over_at")

    def __init__(self, chars: int = DECODED_CHARS_MAX) -> None:
        self._chars = chars
        self._start = 0
        self.in_media = False
        self.over_at: int | None = None

    def begin(self, start: int) -> None:
        """What comes now is a segment of the text which starts there."""
        self._start = start

    def take(self, chars: int, *, at: int) -> int:
        """How many of these characters may be decoded."""
        granted = min(chars, self._chars)
        self._chars -= granted
        if granted < chars and self.over_at is None:
            self.over_at = self._start + at
        return granted


def respelled(
    text: str, matches: Iterable[re.Match[str]], spell: Callable[[re.Match[str]], list[Spelled] | None], budget: Budget
) -> Iterator[View]:
    """Views of the stretches around some matches, with each match replaced by what `spell` makes of it.

    A match that it makes None of stays as it is.
    """
    stretch = _Stretch(text)
    for match in matches:
        spelled = spell(match)
        if spelled is None:
            continue
        needed = len(spelled) or 1
        if budget.take(needed, at=match.start()) < needed:
            break
        if match.start() - stretch.end > 2 * MARGIN_CHARS or len(stretch.starts) > VIEW_CHARS_MAX:
            yield from stretch.shown()
            stretch = stretch.following(match.start())
        stretch.add(match, spelled)
    yield from stretch.shown()


class _Stretch:
    """A view in the making: literal text and replacements, one after the other, up to `end`."""

    __slots__ = ("_changed", "_pieces", "_text", "end", "ends", "starts")

    def __init__(self, text: str, begin: int = 0) -> None:
        self.end = begin
        self.starts = array("I")
        self.ends = array("I")
        self._text = text
        self._pieces: list[str] = []
        self._changed = False

    def add(self, match: re.Match[str], spelled: list[Spelled]) -> None:
        if not self._changed:
            self.end = max(self.end, match.start() - MARGIN_CHARS)
        self._add_literal(match.start())
        for character, start, end in spelled:
            self._pieces.append(character)
            self.starts.append(start)
            self.ends.append(end)
        self.end = match.end()
        self._changed = True

    def shown(self) -> Iterator[View]:
        if self._changed:
            last = self.end
            self._add_literal(min(len(self._text), last + MARGIN_CHARS))
            yield View("".join(self._pieces), starts=self.starts, ends=self.ends)

    def following(self, start: int) -> "_Stretch":
        """The next one, for a match at `start`; when that is near it begins with the end of this one."""
        if start >= self.end:
            return _Stretch(self._text, self.end)
        kept = len(self.starts)
        while self.starts[kept - 1] >= start:
            kept -= 1
        following = _Stretch(self._text)
        following._pieces = ["".join(self._pieces)[:kept][-MARGIN_CHARS:]]
        following.starts, following.ends = self.starts[:kept][-MARGIN_CHARS:], self.ends[:kept][-MARGIN_CHARS:]
        following.end = start
        following._changed = True
        return following

    def _add_literal(self, stop: int) -> None:
        start = self.end
        if start < stop:
            self._pieces.append(self._text[start:stop])
            self.starts.extend(range(start, stop))
            self.ends.extend(range(start + 1, stop + 1))
            self.end = stop
