"""Garbage that is collected in the middle of a scan: its finalizers are anybody's code.

They may scan with the same automata, and so may another thread, which may run in a finalizer.
"""

import gc
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from texts import toy

from synapse.dlp.live import live_tables
from synapse.dlp.patterns import compile_cores, find_shapes
from synapse.dlp.shapes import shape_table

# More than the collector needs to be called from any place of one call.
FINALIZERS_MAX = 64


@contextmanager
def garbage(work: Callable[[], object]) -> Iterator[None]:
    """Whenever an object is made that the collector knows, some garbage is collected which does this work."""
    left = FINALIZERS_MAX

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            nonlocal left
            left -= 1
            if left > 0:
                work()
                Garbage()

    thresholds = gc.get_threshold()
    gc.collect()
    gc.disable()
    Garbage()
    gc.set_threshold(1, 1_000_000, 1_000_000)
    gc.enable()
    try:
        yield
    finally:
        gc.disable()
        left = 0
        gc.set_threshold(*thresholds)
        gc.enable()


def test_ends_are_those_of_the_own_text() -> None:
    shapes, _ = find_shapes(compile_cores([toy("t", r"\d{3}")]))
    automaton = shape_table(shapes).automaton()
    other = b"\n" + b"123 " * 50
    with garbage(lambda: automaton.ends(other)):
        found = automaton.ends(b"\n123" + b" " * 100 + b"456")
    assert {shape: list(ends) for shape, ends in found.items()} == {0: [4, 4, 107, 107]}


def test_a_live_automaton_that_forgets_meanwhile_holds_back_the_same() -> None:
    either = "[ab]" * 15
    (table,) = live_tables(compile_cores([toy("t", f"{either}a{either}")]))
    automaton, chance = table.automaton(), random.Random(2)

    def text() -> bytes:
        return b"\n" + bytes(chance.choices(b"ab", k=40))

    def forget() -> None:
        known = automaton.states
        while automaton.states >= known:
            known = automaton.states
            automaton.first(text(), 1)

    for _ in range(20):
        window = text()
        with garbage(forget):
            found = automaton.first(window, 1)
        assert found == automaton.first(window, 1)
