"""The client against a server that behaves: every kind of answer, and what goes over the wire."""

import asyncio

import pytest
from scripted_server import Call, chunked, plays, repeats, whole

from synapse.errors import UpstreamProtocolError

JSON = ((b"content-type", b"application/json"),)


async def test_a_small_answer_is_read_whole(serve, new_client):
    server = await serve(plays(whole(b'{"ok":true}', headers=b"Content-Type: application/json\r\n")))
    response = await new_client().post(server.upstream(), "/chat/completions", headers=JSON, body=b"{}")
    assert response.status == 200
    assert response.header(b"content-type") == b"application/json"
    assert response.header(b"x-absent") is None
    assert await response.read(100) == b'{"ok":true}'


async def test_the_request_says_what_it_should_and_nothing_else(serve, new_client):
    seen = {}

    async def script(call: Call) -> None:
        request = await call.request()
        seen.update(line=request.line, body=request.body, headers=request.headers)
        await call.send(whole(b""))

    server = await serve(script)
    upstream = server.upstream()
    response = await new_client().post(upstream, "/chat/completions?x=1", headers=JSON, body=b'{"a":1}')
    await response.read(0)
    assert seen == {
        "line": b"POST /v1/chat/completions?x=1 HTTP/1.1",
        "body": b'{"a":1}',
        "headers": {
            b"host": upstream.base_url.removeprefix("http://").removesuffix("/v1").encode(),
            b"accept-encoding": b"identity",
            b"content-type": b"application/json",
            b"content-length": b"7",
        },
    }


async def test_get_sends_no_body(serve, new_client):
    heads = []

    async def script(call: Call) -> None:
        heads.append(await call.head())
        await call.send(whole(b"[]"))

    server = await serve(script)
    response = await new_client().get(server.upstream(), "/models")
    assert await response.read(10) == b"[]"
    assert heads[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert b"content-length" not in heads[0]


async def test_an_empty_post_says_so(serve, new_client):
    heads = []

    async def script(call: Call) -> None:
        heads.append(await call.head())
        await call.send(whole(b""))

    server = await serve(script)
    await (await new_client().post(server.upstream(), "/x", headers=(), body=b"")).read(0)
    assert b"\r\ncontent-length: 0\r\n" in heads[0]


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (whole(b"hello"), b"hello"),
        (chunked(b"he", b"llo"), b"hello"),
        (chunked(b"hello", trailers=b"digest: 1\r\n"), b"hello"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + whole(b"hello"), b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    ],
    ids=["content-length", "chunked", "trailers", "1xx", "204", "304", "HTTP/1.0 keep-alive"],
)
async def test_the_connection_is_used_again(serve, new_client, answer, body):
    server = await serve(repeats(answer))
    client = new_client()
    for _ in range(3):
        response = await client.post(server.upstream(), "/x", headers=(), body=b"")
        assert await response.read(100) == body
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"hello", headers=b"connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        whole(b"hello") + b"surplus",
        whole(b"hello") + whole(b"a second answer"),
    ],
    ids=["connection: close", "HTTP/1.0", "surplus bytes", "two answers"],
)
async def test_the_connection_is_not_used_again(serve, new_client, answer):
    server = await serve(plays(answer))
    client = new_client()
    for count in (1, 2):
        response = await client.post(server.upstream(), "/x", headers=(), body=b"")
        assert await response.read(100) == b"hello"
        await server.calls[-1].until_gone()
        assert len(server.calls) == count


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nconnection: close\r\n"])
async def test_a_body_without_framing_ends_with_a_clean_close(serve, new_client, head):
    async def script(call: Call) -> None:
        await call.request()
        await call.send_apart(head + b"\r\nhe", b"llo")
        call.cut()

    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    assert await response.read(100) == b"hello"
    assert await response.chunk() == b""


async def test_head_has_no_body_and_keeps_the_connection(serve, new_client):
    server = await serve(plays(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", whole(b"hello")))
    client = new_client()
    probe = await client.head(server.upstream(), "/models")
    assert (probe.status, await probe.read(0)) == (200, b"")
    response = await client.get(server.upstream(), "/models")
    assert await response.read(5) == b"hello"
    assert len(server.calls) == 1


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent"])
async def test_redirects_are_not_followed(serve, new_client, status):
    server = await serve(plays(whole(b"", status=status, headers=b"location: /elsewhere\r\n")))
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"{}")
    assert response.status == int(status[:3])
    assert response.header(b"location") == b"/elsewhere"
    await response.read(0)
    assert len(server.calls) == 1


async def test_error_answers_come_with_their_body(serve, new_client):
    server = await serve(plays(whole(b'{"error":{}}', status="429 Too Many Requests")))
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"{}")
    assert (response.status, await response.read(100)) == (429, b'{"error":{}}')


async def test_the_last_of_repeated_headers_is_found(serve, new_client):
    server = await serve(plays(whole(b"", headers=b"X-A: 1\r\nx-a: 2\r\n")))
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    assert response.header(b"x-a") == b"2"
    await response.read(0)


async def test_chunks_arrive_as_the_server_sends_them(serve, new_client):
    go_on = asyncio.Event()

    async def script(call: Call) -> None:
        await call.request()
        await call.send(chunked(b"one")[:-5])
        await go_on.wait()
        await call.send(b"3\r\ntwo\r\n0\r\n\r\n")

    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    assert await response.chunk() == b"one"
    go_on.set()
    assert await response.chunk() == b"two"
    assert await response.chunk() == b""
    assert await response.chunk() == b""


async def test_chunks_of_one_read_come_as_one_piece(serve, new_client):
    server = await serve(plays(chunked(*[b"x"] * 1000)))
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    pieces = []
    while piece := await response.chunk():
        pieces.append(piece)
    assert b"".join(pieces) == b"x" * 1000
    assert len(pieces) < 10


@pytest.mark.parametrize("answer", [whole(b"123456"), chunked(b"123", b"456")], ids=["announced", "chunked"])
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "head first"])
async def test_read_refuses_a_body_above_its_maximum(serve, new_client, answer, apart):
    async def script(call: Call) -> None:
        await call.request()
        head, body = answer.split(b"\r\n\r\n", 1)
        await (call.send_apart if apart else call.send)(*([head + b"\r\n\r\n", body] if apart else [answer]))

    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    with pytest.raises(UpstreamProtocolError, match=r'"model-host".* larger than 5 bytes'):
        await response.read(5)


async def test_a_body_of_exactly_the_maximum_is_read(serve, new_client):
    server = await serve(plays(whole(b"12345")))
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    assert await response.read(5) == b"12345"


async def test_an_announced_body_that_is_too_large_is_not_received(serve, new_client):
    async def script(call: Call) -> None:
        await call.request()
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        await call.until_gone()

    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    with pytest.raises(UpstreamProtocolError, match="larger than"):
        await response.read(1000)
    await server.calls[0].until_gone()


async def test_two_upstreams_of_one_origin_share_connections_but_not_paths(serve, new_client):
    lines = []

    async def script(call: Call) -> None:
        while True:
            lines.append((await call.request()).line)
            await call.send(whole(b""))

    server = await serve(script)
    client = new_client()
    upstream = server.upstream()
    other = type(upstream)("other", upstream.base_url.replace("/v1", "/openai/"), "on_prem")
    for target in (upstream, other):
        await (await client.post(target, "/chat", headers=(), body=b"")).read(0)
    assert lines == [b"POST /v1/chat HTTP/1.1", b"POST /openai/chat HTTP/1.1"]
    assert len(server.calls) == 1
