"""What may go into a request, and which base URLs make sense."""

import pytest
from scripted_server import repeats, whole

from synapse.errors import UpstreamConnectError
from synapse.policy import Upstream
from synapse.upstream.origin import BadBaseUrl, parse_base_url
from synapse.upstream.request import BadRequest, RequestWriter


def writer(base_url: str = "http://models:8000/v1") -> RequestWriter:
    return RequestWriter(*parse_base_url(base_url, ca_file=None))


@pytest.mark.parametrize(
    "value",
    [b"a\r\nx-evil: 1", b"a\nb", b"a\rb", b"a\0b", b"\r\n", b"a\r\n\r\nGET / HTTP/1.1", b"key\n"],
)
def test_a_header_value_with_a_line_break_or_nul_is_refused(value):
    with pytest.raises(BadRequest, match="authorization") as caught:
        writer().head("POST", "/x", headers=[(b"authorization", value)], body_size=0)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("name", [b"", b"a b", b"a:b", b"a\r\nb", b"a\0", b"\xc3\xa4", b"host: evil"])
def test_a_malformed_header_name_is_refused(name):
    with pytest.raises(BadRequest, match="name"):
        writer().head("POST", "/x", headers=[(name, b"1")], body_size=0)


@pytest.mark.parametrize("name", [b"Host", b"content-length", b"Transfer-Encoding", b"connection", b"accept-encoding"])
def test_headers_of_the_connection_are_not_the_callers_to_set(name):
    with pytest.raises(BadRequest, match="not the caller's"):
        writer().head("POST", "/x", headers=[(name, b"1")], body_size=0)


@pytest.mark.parametrize("path", ["", "x", "/a b", "/a\r\nx: y", "/a\n", "/\0", "/ä", "/a#b", "http://other/x"])
def test_a_malformed_path_is_refused(path):
    with pytest.raises(BadRequest, match="path"):
        writer().head("POST", path, headers=(), body_size=0)


def test_names_and_paths_made_up_without_end_do_not_grow_the_memory():
    heads = writer()
    for i in range(2000):
        heads.head("POST", f"/models/{i}", headers=[(b"x-%d" % i, b"1")], body_size=0)
    assert len(heads._names) <= 256
    assert len(heads._openings) <= 256


@pytest.mark.parametrize(
    ("base_url", "host", "prefix"),
    [
        ("http://models/v1", b"models", "/v1"),
        ("http://models:80/v1/", b"models", "/v1"),
        ("https://models:443", b"models", ""),
        ("https://models:80/", b"models:80", ""),
        ("http://[::1]:8000/openai/v1", b"[::1]:8000", "/openai/v1"),
        ("HTTP://Models:8000/v1", b"models:8000", "/v1"),
    ],
)
def test_a_base_url_is_taken_apart(base_url, host, prefix):
    head = writer(base_url).head("GET", "/x", headers=(), body_size=None)
    assert head == b"GET %b/x HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity\r\n\r\n" % (prefix.encode(), host)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "models:8000",
        "ftp://models/v1",
        "unix:///tmp/socket",
        "http://",
        "http:///v1",
        "http://user:secret@models/v1",
        "http://:secret@models/v1",
        "http://models:0/v1",
        "http://models:99999/v1",
        "http://models:x/v1",
        "http://models/v1?key=secret",
        "http://models/v1#secret",
        "http://models/v 1",
        "http://models/v1\r\nx-evil: secret",
        "http://mod\nels/v1",
        "http://mödels/v1",
        "http://[::1/v1",
    ],
)
def test_a_base_url_that_makes_no_sense_is_refused_without_quoting_it(base_url):
    with pytest.raises(BadBaseUrl) as caught:
        parse_base_url(base_url, ca_file=None)
    assert "secret" not in str(caught.value)


async def test_the_caller_reads_which_upstream_has_the_bad_url(new_client):
    with pytest.raises(UpstreamConnectError, match='"broken" has a bad base_url'):
        await new_client().get(Upstream("broken", "models:8000", "on_prem"), "/x")


async def test_a_refused_header_sends_nothing(serve, new_client):
    server = await serve(repeats(whole(b"")))
    with pytest.raises(UpstreamConnectError, match="was not called: the value of header authorization"):
        await new_client().post(server.upstream(), "/x", headers=[(b"authorization", b"Bearer k\n")], body=b"")
    assert server.calls == []
