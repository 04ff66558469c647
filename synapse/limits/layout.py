"""Where everything is in the limits file, in 64-bit words, and what a word means.

The file is a header, a table of workers, a directory of keys, and a slot for each entry of the directory:

    header     magic, version, number of slots, number of workers, highest worker index ever taken + 1
    workers    process id for each index, 0 when the index is free
    directory  two words of each slot's key (a hash of its id), the first is 0 when it was never taken
    slots      requests | tokens used | running requests, by worker | reserved tokens, by worker

**Every fact is one aligned word**, which the processor stores whole. So a worker that is killed at any instruction
leaves either the old or the new fact, never half of one, and no slot can become invalid. There are no sums to disagree
with their parts: what is running or reserved is added up from the workers' own words when it is asked for.

A counter shares its word with the window it counts in, because a counter from one window with the number of
another would give allowance away or lose it.
"""

from dataclasses import dataclass

WORD_BYTES = 8
MAGIC = int.from_bytes(b"SYNLIMIT", "little")
VERSION = 1

# Keys with limits that are active within one day on one node. Beyond it requests of further keys are refused.
SLOTS_MAX = 8_192
# Twice the workers that can be configured: a worker that is replaced drains while its successor runs.
WORKERS_MAX = 128

# Header words.
AT_MAGIC, AT_VERSION, AT_SLOTS, AT_WORKERS, AT_WORKERS_HIGH = range(5)
HEADER_WORDS = 8

# Within a slot.
REQUESTS, USED, COLUMNS = range(3)

MINUTE_S = 60
DAY_S = 86_400

# 26 bits hold the minutes since 1970 until 2097, and days for longer; 38 bits of tokens are 275 thousand millions.
AMOUNT_BITS = 38
AMOUNT_MASK = (1 << AMOUNT_BITS) - 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Offsets for a file of a given size."""

    slots_max: int = SLOTS_MAX
    workers_max: int = WORKERS_MAX

    @property
    def workers(self) -> int:
        return HEADER_WORDS

    @property
    def directory(self) -> int:
        return self.workers + self.workers_max

    @property
    def slots(self) -> int:
        return self.directory + 2 * self.slots_max

    @property
    def slot_words(self) -> int:
        return COLUMNS + 2 * self.workers_max

    @property
    def size_bytes(self) -> int:
        return (self.slots + self.slots_max * self.slot_words) * WORD_BYTES

    def entry(self, slot: int) -> int:
        """The first of the two words of a slot's key."""
        return self.directory + 2 * slot

    def slot(self, slot: int) -> int:
        """The first word of a slot."""
        return self.slots + slot * self.slot_words

    def running(self, slot: int) -> int:
        """The first of the words, one for each worker, of running requests."""
        return self.slot(slot) + COLUMNS

    def reserved(self, slot: int) -> int:
        """The first of the words, one for each worker, of reserved tokens."""
        return self.slot(slot) + COLUMNS + self.workers_max


def pack(window: int, amount: int) -> int:
    """An amount, and the window (a minute or a day since 1970) it belongs to."""
    return window << AMOUNT_BITS | amount


def unpack(word: int) -> tuple[int, int]:
    """The window and the amount that `pack` put together."""
    return word >> AMOUNT_BITS, word & AMOUNT_MASK


def in_force(word: int, window: int) -> tuple[int, int]:
    """The window in force and its amount: what the word says, or nothing yet when its window is over.

    A clock that was set back a little goes on counting in the window that had begun, so that no allowance is given
    twice. One that was far ahead must not block a key until then, so a window further in the future is not believed.
    """
    counted, amount = word >> AMOUNT_BITS, word & AMOUNT_MASK
    return (counted, amount) if counted in (window, window + 1) else (window, 0)
