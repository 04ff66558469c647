"""Server-sent events, read as the WHATWG HTML standard (§9.2) says, from pieces of any size.

An event keeps the bytes it came in, so that one which needs no change can leave as it was. Pure; nothing is decoded.
"""

import re
from dataclasses import dataclass

from .errors import UpstreamProtocolError

# Deltas are a few hundred bytes. The largest honest events carry a generated picture in base64, up to 2 MB.
EVENT_BYTES_MAX = 4 * 2**20

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")
# Two line ends in a row; atomic, so that one CRLF is never taken for two.
_EVENT_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
# Bytes before the end of the buffer where an event's end may have begun.
_EVENT_END_BYTES_MAX = 4


@dataclass(slots=True)
class Event:
    """One event or comment block with its final blank line."""

    raw: bytes
    data: bytes | None  # the data lines joined; None when there is nothing in them
    rest: bytes = b""  # all other lines: comments, event, id, retry and what the standard ignores


class EventReader:
    """Cuts a byte stream into events. What has no blank line after it is never an event."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # no event ends before this offset of the buffer
        self._begun = False  # whether a byte order mark can no longer come
        self._after_cr = False  # whether a line feed that comes next belongs to the event before

    @property
    def idle(self) -> bool:
        """Whether the next byte begins an event."""
        return self._begun and not self._buffer and not self._after_cr

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. Raises UpstreamProtocolError for one that is too large."""
        size = len(self._buffer) + len(data)
        if self.idle and data.endswith(b"\n\n") and b"\r" not in data:
            events = [_read(block + b"\n\n", block) for block in data[:-2].split(b"\n\n") if block]
        else:
            self._buffer += data
            events = self._cut() if self._begun or self._begin() else []
        if size > EVENT_BYTES_MAX:
            self._check_sizes(events)
        return events

    def _check_sizes(self, events: list[Event]) -> None:
        if len(self._buffer) > EVENT_BYTES_MAX or any(len(event.raw) > EVENT_BYTES_MAX for event in events):
            raise UpstreamProtocolError(f"The upstream sent an event of more than {EVENT_BYTES_MAX} bytes.")

    def _begin(self) -> bool:
        """Drop a byte order mark; false while the first bytes could still become one."""
        if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
            return False
        if self._buffer.startswith(_BOM):
            del self._buffer[: len(_BOM)]
        self._begun = True
        return True

    def _cut(self) -> list[Event]:
        buffer, start, events = self._buffer, 0, []
        if self._after_cr and buffer:
            self._after_cr = False
            start = int(buffer[0] == 0x0A)
        search_from = max(start, self._searched)
        while end := _EVENT_END.search(buffer, search_from):
            raw = bytes(memoryview(buffer)[start : end.end()])
            if end.end() == len(buffer) and raw.endswith(b"\r"):
                self._after_cr = True
                # The other half of a CRLF is on its way; the event need not wait for it.
                raw += b"\n" if end.group() == b"\r\n\r" else b""
            if block := raw[: end.start() - start]:
                events.append(_read(raw, block))
            start = search_from = end.end()
        del buffer[:start]
        self._searched = max(0, len(buffer) - _EVENT_END_BYTES_MAX)
        return events


def data_event(payload: bytes, rest: bytes = b"") -> bytes:
    """An event with one line of data, and before it the lines of `rest`."""
    return b"%b\ndata: %b\n\n" % (rest, payload) if rest else b"data: %b\n\n" % payload


def _read(raw: bytes, block: bytes) -> Event:
    if block.startswith(b"data: ") and b"\n" not in block and b"\r" not in block:
        data = block[6:]
        return Event(raw, data if data.strip() else None)
    values, rest = [], []
    for line in _LINE_END.split(block):
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
        elif line:
            rest.append(line)
    data = b"\n".join(values)
    return Event(raw, data if data.strip() else None, b"\n".join(rest))
