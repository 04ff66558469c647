"""Words and numbers that are broken by what a reader does not see: markup, and the joints of string literals."""

import re
from collections.abc import Iterator

from .view import Budget, Spelled, View, respelled

# Tags that a page shows as nothing. Others begin a cell, a line or a paragraph, and keep apart what they stand between.
_INLINE = "a|abbr|b|big|code|em|font|i|ins|kbd|mark|s|small|span|strike|strong|sub|sup|tt|u|wbr"
_JOINT = re.compile(
    rf"""
    [*~`<](?:(?<=[0-9A-Za-z@.\-\s(:].)|(?<=\A.))
    (?:
        (?<=\*)\*{{0,2}}+ | (?<=~)~ | (?<=`)`{{0,2}}+
      | (?<=<)(?i:/?(?:{_INLINE})(?:\s[^<>]{{0,64}}+)?/?> | !--[^<>]{{0,64}}+>)
    )
    (?:</?(?i:{_INLINE})(?:\s[^<>]{{0,64}}+)?/?>)*+
    (?=[0-9A-Za-z@.\-\ ])
  | ["'`] [ \t]{{0,8}}+ (?:\\?\r?\n[ \t]{{0,64}}+)? [+&] [ \t]{{0,8}}+ (?:\\?\r?\n[ \t]{{0,64}}+)? ["'`]
    """,
    re.VERBOSE,
)


def joints(text: str, budget: Budget) -> Iterator[View]:
    """Views of the stretches from which markup and joints are left out."""
    return respelled(text, _JOINT.finditer(text), _nothing, budget)


def _nothing(_: re.Match[str]) -> list[Spelled]:
    return []
