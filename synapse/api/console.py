"""The console's static files, from memory: compressed once, with strong ETags and a strict policy of what may run.

A file that is not there is 404, never the page: a script that is missing must not be answered with HTML.
"""

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import blacksheep

BASE = "/admin/"
INDEX = "index.html"

# Nothing from another origin, nothing inline, nothing framed.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

# What the console is made of. The system's own list differs from machine to machine.
_CONTENT_TYPES = {
    "css": b"text/css; charset=utf-8",
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "png": b"image/png",
    "svg": b"image/svg+xml",
    "woff2": b"font/woff2",
}

_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    # Asked for each time, answered with 304 as long as it is the same.
    (b"cache-control", b"no-cache"),
    (b"vary", b"accept-encoding"),
)


@dataclass(frozen=True, slots=True)
class Representation:
    """One form of a file. Each has an ETag of its own, as a strong one must (RFC 9110 §8.8.3)."""

    body: bytes
    content_type: bytes
    etag: bytes
    encoding: bytes | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    plain: Representation
    gzipped: Representation

    def chosen(self, accept_encoding: bytes | None) -> Representation:
        return self.gzipped if _accepts_gzip(accept_encoding or b"") else self.plain


def register(app: blacksheep.Application) -> None:
    """Serve the files of the package below /admin/."""
    assets = load_assets(files("synapse.api") / "static")

    async def serve(request: blacksheep.Request) -> blacksheep.Response:
        # By the path as it was sent: the router is not so strict.
        return _respond(assets.get(request.scope["path"]), request)

    async def serve_or_redirect(request: blacksheep.Request) -> blacksheep.Response:
        if request.scope["path"] == BASE:
            return await serve(request)
        return blacksheep.Response(308, [(b"location", BASE.encode()), *_HEADERS])

    for method in ("GET", "HEAD"):
        # One route for both: the router takes /admin and /admin/ for the same.
        app.router.add(method, "/admin", serve_or_redirect)
        app.router.add(method, "/admin/{path:rest}", serve)


def load_assets(directory: Traversable) -> Mapping[str, Asset]:
    """Every file by the path it is served at."""
    assets = {BASE + name: _asset(name, body) for name, body in _walk(directory, "")}
    assets[BASE] = assets.pop(BASE + INDEX)
    return assets


def _walk(directory: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()


def _asset(name: str, body: bytes) -> Asset:
    content_type = _CONTENT_TYPES.get(name.rpartition(".")[2], b"application/octet-stream")
    # The same bytes at every start: no time in the gzip header.
    packed = gzip.compress(body, compresslevel=9, mtime=0)
    plain = Representation(body, content_type, _etag(body))
    return Asset(plain, Representation(packed, content_type, _etag(packed), b"gzip"))


def _etag(body: bytes) -> bytes:
    return b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()


def _respond(asset: Asset | None, request: blacksheep.Request) -> blacksheep.Response:
    if asset is None:
        return blacksheep.Response(404, list(_HEADERS), blacksheep.TextContent("Not found.\n"))
    chosen = asset.chosen(request.get_first_header(b"accept-encoding"))
    headers = [*_HEADERS, (b"etag", chosen.etag)]
    if _matches(request.get_headers(b"if-none-match"), chosen.etag):
        return blacksheep.Response(304, headers)
    if chosen.encoding is not None:
        headers.append((b"content-encoding", chosen.encoding))
    return blacksheep.Response(200, headers, blacksheep.Content(chosen.content_type, chosen.body))


def _matches(if_none_match: Iterable[bytes], etag: bytes) -> bool:
    """Weakly compared (RFC 9110 §13.1.2): a proxy that compresses makes our ETag weak."""
    listed = [item.strip() for line in if_none_match for item in line.split(b",")]
    return b"*" in listed or any(item.removeprefix(b"W/") == etag for item in listed)


def _accepts_gzip(accept_encoding: bytes) -> bool:
    for item in accept_encoding.lower().split(b","):
        name, _, parameters = item.strip().partition(b";")
        if name.strip() in (b"gzip", b"*"):
            return parameters.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
