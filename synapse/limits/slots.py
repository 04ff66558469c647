"""Finds the slot of a key by open addressing; slots of keys that are idle are given to others.

A taken entry of the directory never becomes empty again, it only changes its key. So a search may end at the first
empty entry, and an idle slot may be taken only once the whole chain has been searched.
"""

import fcntl
import hashlib
from dataclasses import dataclass

from ..errors import LimiterUnavailable
from . import layout
from .layout import AMOUNT_MASK
from .segment import Segment, lock_range, unlock_range

# An idle slot can come back into use before we have its lock. It does not happen to several at once.
IDLE_TRIED_MAX = 4
# Searching a full directory takes milliseconds; not every refused request should.
FULL_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a key's words are, for one worker. `key` must still be in the directory when the lock is held."""

    entry: int
    key: tuple[int, int]
    lock: bytes
    unlock: bytes
    requests: int
    used: int
    running: int  # the first worker's
    reserved: int  # the first worker's
    running_own: int
    reserved_own: int


class Directory:
    """The slots of all keys this worker has met."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._known: dict[str, Slot] = {}
        self._full_until_s = 0.0

    def slot(self, key_id: str, now_s: float) -> Slot:
        """The slot of a key, taken for it when it has none."""
        slot = self._known.get(key_id)
        return slot if slot is not None else self.find(key_id, now_s)

    def find(self, key_id: str, now_s: float) -> Slot:
        """Search the shared directory. Raises LimiterUnavailable when no slot is free."""
        if now_s < self._full_until_s:
            raise _full()
        hashed = hashlib.blake2b(key_id.encode(), digest_size=16).digest()
        key = (int.from_bytes(hashed[:8], "little") or 1, int.from_bytes(hashed[8:], "little"))
        descriptor = self._segment.descriptor
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, lock_range(0))
        try:
            index = self._search(key, now_s)
        finally:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, unlock_range(0))
        if len(self._known) >= self._segment.layout.slots_max:
            self._known.clear()  # Keys that come and go must not let it grow.
        slot = self._known[key_id] = self._slot(index, key)
        return slot

    def _search(self, key: tuple[int, int], now_s: float) -> int:
        words, shape = self._segment.words, self._segment.layout
        idle: list[int] = []
        for step in range(shape.slots_max):
            index = (key[0] + step) % shape.slots_max
            entry = shape.entry(index)
            if (words[entry], words[entry + 1]) == key:
                return index
            if not words[entry]:
                idle.append(index)
                break
            if len(idle) < IDLE_TRIED_MAX and self._is_idle(index, now_s):
                idle.append(index)
        for index in idle:
            if self._take(index, key, now_s):
                return index
        self._full_until_s = now_s + FULL_PAUSE_S
        raise _full()

    def _take(self, index: int, key: tuple[int, int], now_s: float) -> bool:
        """Write the key into an entry, unless its old key came back before we had the lock.

        When we are killed in between, the entry holds a key that nobody has, and the next one takes it.
        """
        words, shape = self._segment.words, self._segment.layout
        first, entry = shape.slot(index), shape.entry(index)
        descriptor = self._segment.descriptor
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, lock_range(first))
        try:
            if words[entry] and not self._is_idle(index, now_s):
                return False
            words[entry + 1] = key[1]
            words[entry] = key[0]
            for word in range(first, first + shape.slot_words):
                words[word] = 0
        finally:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, unlock_range(first))
        return True

    def _is_idle(self, index: int, now_s: float) -> bool:
        """Whether a slot says nothing any more: its windows are over, nothing is running or reserved."""
        words, shape = self._segment.words, self._segment.layout
        first = shape.slot(index)
        windows = ((layout.REQUESTS, layout.MINUTE_S), (layout.USED, layout.DAY_S))
        if any(layout.in_force(words[first + at], int(now_s) // period_s)[1] for at, period_s in windows):
            return False
        return not any(word & AMOUNT_MASK for word in words[first + layout.COLUMNS : first + shape.slot_words])

    def _slot(self, index: int, key: tuple[int, int]) -> Slot:
        shape, worker = self._segment.layout, self._segment.worker
        first = shape.slot(index)
        return Slot(
            entry=shape.entry(index),
            key=key,
            lock=lock_range(first),
            unlock=unlock_range(first),
            requests=first + layout.REQUESTS,
            used=first + layout.USED,
            running=shape.running(index),
            reserved=shape.reserved(index),
            running_own=shape.running(index) + worker,
            reserved_own=shape.reserved(index) + worker,
        )


def _full() -> LimiterUnavailable:
    return LimiterUnavailable("This node has no room for the limits of another key; ask its operator.")
