"""Request heads, built so that nothing the caller passes can become a second header or a second request."""

import re
from typing import Final

from ..interfaces import Headers
from .origin import TARGET, Origin

# RFC 9110 §5.6.2.
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Framing, routing and the connection itself are the client's own business.
_RESERVED: Final = frozenset(
    {
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Request lines and header names that were found in order are remembered. There are a handful of each; the maximum
# keeps a caller that makes them up from growing the memory.
_REMEMBERED_MAX: Final = 256


class BadRequest(ValueError):
    """The request cannot be written safely. The text names the part and never quotes a value."""


class RequestWriter:
    """Writes the heads for one endpoint."""

    def __init__(self, origin: Origin, prefix: str) -> None:
        self._prefix = prefix
        # Bodies are scanned as they come, so a compressed one is of no use to us.
        self._fixed = f" HTTP/1.1\r\nhost: {origin.host_header}\r\naccept-encoding: identity\r\n".encode()
        self._openings: dict[tuple[str, str], bytes] = {}
        self._names: set[bytes] = set()

    def head(self, method: str, path: str, *, headers: Headers, body_size: int | None) -> bytes:
        """`body_size` None is no body at all. Raises BadRequest."""
        opening = self._openings.get((method, path)) or self._opening(method, path)
        lines = [opening]
        names = self._names
        for name, value in headers:
            if name not in names:
                self._check_name(name)
            lines.append(b"%b: %b\r\n" % (name, value))
        if body_size is not None:
            lines.append(b"content-length: %d\r\n" % body_size)
        lines.append(b"\r\n")
        head = b"".join(lines)
        # Every line has brought one CR and one LF of ours (the opening three); one more came with a value.
        ends = len(lines) + 2
        if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
            raise self._blame(headers)
        return head

    def _opening(self, method: str, path: str) -> bytes:
        if not path.startswith("/") or not TARGET.fullmatch(path):
            raise BadRequest("the request path is malformed")
        if len(self._openings) >= _REMEMBERED_MAX:
            self._openings.clear()
        opening = f"{method} {self._prefix}{path}".encode("ascii") + self._fixed
        self._openings[method, path] = opening
        return opening

    def _check_name(self, name: bytes) -> None:
        if not _TOKEN.fullmatch(name):
            raise BadRequest("a header name is malformed")
        if name.lower() in _RESERVED:
            raise BadRequest(f"the header {name.lower().decode('ascii')} is not the caller's to set")
        if len(self._names) >= _REMEMBERED_MAX:
            self._names.clear()
        self._names.add(name)

    def _blame(self, headers: Headers) -> BadRequest:
        for name, value in headers:
            if any(byte in value for byte in b"\r\n\0"):
                return BadRequest(
                    f"the value of header {name.decode('ascii')} holds a line break or NUL; if it comes from a file, "
                    "check the end of the file"
                )
        return BadRequest("a header is malformed")
