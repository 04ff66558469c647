"""Bytes in, one HTTP/1.1 answer out: framing and limits, no I/O. Any split of the bytes gives the same answer.

llhttp does the grammar, strictly; what it leaves open (limits, versions, odd framings) is decided here. An answer
that two readers could understand differently is refused.
"""

from typing import Final

import httptools

from .limits import ClientLimits

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class ProtocolViolation(Exception):
    """The bytes are no answer within our limits. The text names the rule and never quotes the bytes."""


class AnswerParser:
    """Reads the answers of one connection, one `expect` for each.

    After each `feed`, `head_complete`, `complete` and `pieces` say what has become known; the caller takes `pieces`.
    """

    __slots__ = (
        "_bodiless",
        "_fed_bytes",
        "_framing",
        "_informational",
        "_limits",
        "_parser",
        "_silent_bytes",
        "_trailer_bytes",
        "_until_close",
        "_violation",
        "complete",
        "head_complete",
        "headers",
        "on_body",
        "pieces",
        "reusable",
        "started",
        "status",
    )

    def __init__(self, limits: ClientLimits) -> None:
        self._limits = limits
        self.pieces: list[bytes] = []
        # A C function as the callback: a body piece costs no Python frame.
        self.on_body = self.pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self.reusable = True
        self.complete = True

    def expect(self, *, bodiless: bool) -> None:
        """Get ready for the next answer; `bodiless` when it answers HEAD."""
        self._bodiless = bodiless
        self._fed_bytes = 0
        self._framing: list[tuple[bytes, bytes]] = []
        self._informational = False
        self._silent_bytes = 0
        self._trailer_bytes = 0
        self._until_close = False
        self._violation: str | None = None
        self.complete = False
        self.head_complete = False
        self.headers: list[tuple[bytes, bytes]] = []
        self.started = False
        self.status = 0

    def feed(self, data: bytes) -> None:
        """Take what arrived. Raises ProtocolViolation; bytes after a whole answer only make the rest unusable."""
        self.started = True
        in_body = self.head_complete
        self._fed_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.reusable = False
            if not self.complete:
                raise ProtocolViolation(self._violation or str(error)) from error
        if not self.complete:
            self._check_progress(len(data), in_body)
        elif self._bodiless and self.pieces:
            self.pieces.clear()
            self.reusable = False

    def finish(self) -> bool:
        """The upstream closed its side: whether that ends the answer properly."""
        self.reusable = False
        if self.head_complete and self._until_close:
            self.complete = True
        return self.complete

    def _check_progress(self, size_bytes: int, in_body: bool) -> None:
        if not self.head_complete:
            if self._fed_bytes > self._limits.head_bytes_max:
                raise ProtocolViolation("the response head is too large")
        elif in_body and not self.pieces:
            # A chunk extension or trailer that never ends reaches no callback, so it is counted here.
            self._silent_bytes += size_bytes
            if self._silent_bytes > self._limits.trailer_bytes_max:
                raise ProtocolViolation("chunk extensions or trailers are too large")
        else:
            self._silent_bytes = 0

    # Callbacks of httptools. What they raise comes out of feed_data as its own error, so the reason is kept aside.

    def on_message_begin(self) -> None:
        if self.complete:
            # Stop here, or what follows a whole answer would take its place.
            self._refuse("there is more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_complete:
            self._on_trailer(name, value)
            return
        headers = self.headers
        if len(headers) >= self._limits.header_count_max:
            self._refuse("there are too many headers")
        name = name.lower()
        value = value.strip()
        headers.append((name, value))
        if name in _FRAMING:
            self._framing.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        limits = self._limits
        if self._fed_bytes > min(limits.header_line_bytes_max, limits.head_bytes_max):
            self._check_sizes()
        version = parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            self._refuse("it does not speak HTTP/1.1 or HTTP/1.0")
        status = parser.get_status_code()
        if not 200 <= status < 600:
            self._on_informational(status)
            return
        self.status = status
        bodiless = self._bodiless or status in {204, 304}
        if self._framing:
            self._check_framing(version)
        else:
            self._until_close = not bodiless
        self.head_complete = True
        if not parser.should_keep_alive():
            self.reusable = False
        if self._bodiless:
            # llhttp cannot be told that no body follows here, so it is replaced before it waits for one.
            self.complete = True
            self._parser = httptools.HttpResponseParser(self)

    def on_message_complete(self) -> None:
        if self._informational:
            self._informational = False
            self.headers.clear()
        else:
            self.complete = True

    def _on_informational(self, status: int) -> None:
        """1xx: the final answer follows. Their number is bounded by the size of the head, which they share."""
        if not 100 <= status < 200:
            self._refuse("the status code is out of range")
        if status == 101:
            self._refuse("it switched protocols, which was not asked for")
        if self._framing:
            self._refuse("an informational answer announces a body")
        self._informational = True

    def _on_trailer(self, name: bytes, value: bytes) -> None:
        """Trailers are read past, never merged into the headers: nothing here has a use for them."""
        self._trailer_bytes += len(name) + len(value) + 4
        if self._trailer_bytes > self._limits.trailer_bytes_max:
            self._refuse("chunk extensions or trailers are too large")

    def _check_framing(self, version: str) -> None:
        """llhttp refuses two content-lengths and both framings; what is left is which transfer codings there are."""
        name, value = self._framing[0]
        if name == b"content-length":
            return
        if len(self._framing) > 1 or value.lower() != b"chunked":
            self._refuse("the only transfer-encoding understood is chunked")
        if version == "1.0":
            self._refuse("HTTP/1.0 has no transfer-encoding")  # RFC 9112 §6.1: such framing is faulty

    def _check_sizes(self) -> None:
        """Only for what came in a large read, so that small heads pay nothing."""
        sizes = [len(name) + len(value) + 4 for name, value in self.headers]
        if sum(sizes) > self._limits.head_bytes_max:
            self._refuse("the response head is too large")
        if sizes and max(sizes) > self._limits.header_line_bytes_max:
            self._refuse("a header line is too long")

    def _refuse(self, violation: str) -> None:
        self._violation = violation
        raise ProtocolViolation(violation)
