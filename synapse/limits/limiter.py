"""Admits requests within their key's limits: exact, whatever the number of workers, and without giving any away.

Requests count in fixed minutes and tokens in days, both UTC. A refused request consumes nothing. The lock of a slot is
held for microseconds, never across an await, and given back by the kernel when a worker dies.
"""

import fcntl
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from ..errors import LimitExceeded
from ..interfaces import Headers, Ticket
from ..policy import Key, Limits
from .headers import refusal_headers, requests_headers, tokens_headers
from .layout import (
    AMOUNT_BITS,
    AMOUNT_MASK,
    AT_WORKERS_HIGH,
    DAY_S,
    MINUTE_S,
    SLOTS_MAX,
    Layout,
    in_force,
    pack,
    unpack,
)
from .segment import Segment
from .slots import Directory, Slot
from .tickets import SharedTicket, UnlimitedTicket

FILE_NAME = "limits.bin"
# What dead workers held comes back at the first request after this time; five seconds are promised.
REAP_INTERVAL_S = 1.0
# When a running request ends is not known, so a client that is refused for concurrency tries again after this time.
CONCURRENCY_RETRY_S = 1.0

UNLIMITED = UnlimitedTicket()


class SharedLimiter:
    """One worker's side of the limits file. To be opened after the fork, used from one thread, and closed."""

    def __init__(
        self,
        segment: Segment,
        *,
        clock_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._segment = segment
        self._directory = Directory(segment)
        self._words = segment.words
        self._descriptor = segment.descriptor
        self._clock_s = clock_s
        self._monotonic_s = monotonic_s
        self._reap_at_s = monotonic_s() + REAP_INTERVAL_S

    @classmethod
    def open(
        cls,
        state_dir: Path,
        *,
        slots_max: int = SLOTS_MAX,
        clock_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> "SharedLimiter":
        """Open the limits of this node, made when they are missing. Raises SegmentError with what to do."""
        segment = Segment.open(state_dir / FILE_NAME, Layout(slots_max=slots_max))
        return cls(segment, clock_s=clock_s, monotonic_s=monotonic_s)

    def close(self) -> None:
        """Leave; tickets that are still open settle as if this worker had died."""
        self._segment.close()

    def admit(self, key: Key, *, tokens_estimate: int) -> Ticket:
        limits = key.limits
        if limits.requests_per_minute is None and limits.tokens_per_day is None and limits.concurrent_requests is None:
            return UNLIMITED
        if (now_s := self._monotonic_s()) >= self._reap_at_s:
            self._reap_at_s = now_s + REAP_INTERVAL_S
            self._segment.reap()
        slot = self._locked(key.id)
        try:
            # At least one token, so that a slot with an open ticket is never idle.
            return self._take(slot, limits, max(tokens_estimate, 1))
        finally:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, slot.unlock)

    def _locked(self, key_id: str) -> Slot:
        """The key's slot with its lock held. Another key may have been given a slot that was idle."""
        slot = self._directory.slot(key_id, self._clock_s())
        while True:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLKW, slot.lock)
            if self._words[slot.entry] == slot.key[0] and self._words[slot.entry + 1] == slot.key[1]:
                return slot
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, slot.unlock)
            slot = self._directory.find(key_id, self._clock_s())

    def _take(self, slot: Slot, limits: Limits, tokens: int) -> Ticket:
        """Check every limit, then write. The clock is read under the lock, so that windows only go forward."""
        words = self._words
        now_s = self._clock_s()
        workers = words[AT_WORKERS_HIGH]
        headers: Headers = ()
        minute = count = day = used = 0

        running_max = limits.concurrent_requests
        if running_max is not None and sum(words[slot.running : slot.running + workers]) >= running_max:
            _refuse_concurrency(running_max)
        if (count_max := limits.requests_per_minute) is not None:
            minute, count = in_force(words[slot.requests], int(now_s) // MINUTE_S)
            reset_s = (minute + 1) * MINUTE_S - now_s
            if count >= count_max:
                _refuse_requests(count_max, reset_s)
            headers = requests_headers(count_max, count_max - count - 1, reset_s)
        if (tokens_max := limits.tokens_per_day) is not None:
            day, used = in_force(words[slot.used], int(now_s) // DAY_S)
            left = tokens_max - used - _amount(words[slot.reserved : slot.reserved + workers], day)
            reset_s = (day + 1) * DAY_S - now_s
            if tokens > left:
                _refuse_tokens(tokens_max, left, reset_s)
            headers = (*headers, *tokens_headers(tokens_max, left - tokens, reset_s))

        if count_max is not None:
            words[slot.requests] = pack(minute, count + 1)
        if running_max is not None:
            words[slot.running_own] += 1
        if tokens_max is not None:
            reserved_day, reserved = unpack(words[slot.reserved_own])
            words[slot.used] = pack(day, used)  # The day in force, before anything is reserved of it.
            words[slot.reserved_own] = pack(day, tokens + reserved if reserved_day == day else tokens)
        return SharedTicket(
            slot,
            headers,
            running=running_max is not None,
            reserved_tokens=tokens if tokens_max is not None else 0,
            day=day,
            settle=self._settle,
        )

    def _settle(self, ticket: SharedTicket, tokens: int) -> None:
        """Give back what was running and reserved; charge the used tokens to the day the request was admitted on.

        Used tokens are written before the reservation goes, so a worker killed in between has charged them.
        """
        if self._segment.closed:
            return
        words, slot = self._words, ticket.slot
        if ticket.running:
            words[slot.running_own] -= 1  # Our own word; no lock is needed.
        if not ticket.reserved_tokens:
            return
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLKW, slot.lock)
        try:
            if words[slot.entry] != slot.key[0] or words[slot.entry + 1] != slot.key[1]:
                return  # The day is over, and the slot another key's.
            day, used = unpack(words[slot.used])
            if day == ticket.day:
                words[slot.used] = pack(day, min(used + tokens, AMOUNT_MASK))
            day, reserved = unpack(words[slot.reserved_own])
            if day == ticket.day:
                words[slot.reserved_own] = pack(day, reserved - ticket.reserved_tokens)
        finally:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, slot.unlock)


def _amount(words: Iterable[int], day: int) -> int:
    """The sum of what belongs to a day. Reservations of the day before do not count."""
    return sum([word & AMOUNT_MASK for word in words if word >> AMOUNT_BITS == day])


def _refuse_concurrency(limit: int) -> NoReturn:
    raise LimitExceeded(
        f"This key may have {limit} requests running at once, and has. Wait for one to end.",
        code="rate_limit_exceeded",
        headers=refusal_headers((), CONCURRENCY_RETRY_S),
    )


def _refuse_requests(limit: int, reset_s: float) -> NoReturn:
    raise LimitExceeded(
        f"This key may send {limit} requests per minute, and has. Send again in the next minute.",
        code="rate_limit_exceeded",
        headers=refusal_headers(requests_headers(limit, 0, reset_s), reset_s),
    )


def _refuse_tokens(limit: int, left: int, reset_s: float) -> NoReturn:
    raise LimitExceeded(
        f"This key may use {limit} tokens per day, and {max(left, 0)} are left, fewer than this request may use. "
        "Lower max_tokens, or send again tomorrow (UTC).",
        code="token_budget_exhausted",
        headers=refusal_headers(tokens_headers(limit, left, reset_s), reset_s),
    )
