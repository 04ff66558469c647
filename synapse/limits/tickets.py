"""What an admitted request holds of its key's limits, until it is settled."""

from collections.abc import Callable

from ..interfaces import Headers
from .slots import Slot


class SharedTicket:
    """Settling gives everything back and charges what was used; unknown usage (None) charges nothing."""

    __slots__ = ("_settle", "day", "headers", "reserved_tokens", "running", "slot")

    def __init__(
        self,
        slot: Slot,
        headers: Headers,
        *,
        running: bool,
        reserved_tokens: int,
        day: int,
        settle: Callable[["SharedTicket", int], None],
    ) -> None:
        self.slot = slot
        self.headers = headers
        self.running = running
        self.reserved_tokens = reserved_tokens
        self.day = day
        self._settle: Callable[[SharedTicket, int], None] | None = settle

    def settle(self, tokens: int | None) -> None:
        settle, self._settle = self._settle, None
        if settle is not None:
            settle(self, tokens or 0)


class UnlimitedTicket:
    """What a key without limits holds: nothing."""

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: Headers = ()

    def settle(self, tokens: int | None) -> None:
        """There is nothing to give back."""
