"""What an encoded text says: views of it, decoded, with the place in the text that each character came from.

A view shows more than its text only where something was decoded; what stands there literally is found in the text
itself. Decoding is tried where a hint says that it may be worth it, twice at most, and within a budget.
"""

from collections.abc import Callable, Iterator

from ..._dlp import view_hints
from ..shadow import fold
from .codes import codes, lists
from .escapes import escapes
from .joints import joints
from .spelled import spelled, unseen
from .view import DECODED_CHARS_MAX, Budget, View

__all__ = ["DECODED_CHARS_MAX", "DEPTH_MAX", "Budget", "View", "hints_of", "views"]

# How often one coat is taken off another.
DEPTH_MAX = 2

# The bits of a hint, and the views that are made for it.
_FOLDED = 64
_MAKERS: tuple[tuple[int, Callable[[str, Budget], Iterator[View]]], ...] = (
    (4, codes),
    (1, escapes),
    (2, joints),
    (8, lists),
    (16, spelled),
    (32, unseen),
)


def hints_of(texts: list[str]) -> int:
    """0 when no view of any of these texts can show more than the texts do, as for nearly all."""
    return view_hints(texts)


def views(text: str, budget: Budget) -> Iterator[View]:
    """All views of a text, those of views among them. What the budget did not suffice for is told by `over_at`."""
    hints = view_hints([text])
    if hints & _FOLDED:
        yield from _views_of_shadow(text, budget)
    if hints:
        yield from _views(text, hints, budget, DEPTH_MAX)


def _views_of_shadow(text: str, budget: Budget) -> Iterator[View]:
    """Views of what is left without invisible signs and with plain letters."""
    shadow, offsets = fold(text)
    plain = shadow.decode("latin-1")
    starts = range(len(plain)) if offsets is None else offsets
    outer = View(plain, starts=starts, ends=range(1, len(plain) + 1) if offsets is None else [at + 1 for at in offsets])
    for view in _views(plain, view_hints([plain]), budget, DEPTH_MAX):
        yield view.through(outer)


def _views(text: str, hints: int, budget: Budget, depth: int) -> Iterator[View]:
    for bit, maker in _MAKERS:
        if not hints & bit:
            continue
        for view in maker(text, budget):
            yield view
            inner_hints = view_hints([view.text]) if depth > 1 else 0
            if inner_hints:
                in_media = budget.in_media
                for inner in _views(view.text, inner_hints, budget, depth - 1):
                    yield inner.through(view)
                budget.in_media = in_media
