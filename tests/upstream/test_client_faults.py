"""The client against a server that fails: cuts, silence and nonsense. A false whole answer is the worst outcome."""

import asyncio

import pytest
from scripted_server import Call, Script, chunked, plays, repeats, until, whole

from synapse.errors import (
    UpstreamConnectError,
    UpstreamCut,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
)
from synapse.policy import Upstream
from synapse.upstream.client import HttpClient

CUT_ANSWERS = {
    "content-length": whole(b'{"answer":42}', headers=b"content-type: application/json\r\n"),
    "chunked": chunked(b"data: 1\n\n", b"data: [DONE]\n\n", trailers=b"digest: 1\r\n"),
    "after 1xx": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + whole(b"{}"),
    "connection: close": whole(b"{}", headers=b"connection: close\r\n"),
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
}


async def read_all(client: HttpClient, upstream: Upstream) -> bytes:
    response = await client.post(upstream, "/x", headers=(), body=b"{}")
    return await response.read(1 << 20)


@pytest.mark.parametrize("how", ["cut", "reset"])
@pytest.mark.parametrize("name", CUT_ANSWERS)
async def test_an_answer_cut_at_any_byte_is_never_taken_for_whole(serve, new_client, name, how):
    answer = CUT_ANSWERS[name]
    position = 0

    async def script(call: Call) -> None:
        await call.request()
        if position:
            await call.send(answer[:position])
        getattr(call, how)()

    server = await serve(script)
    client = new_client()
    for position in range(len(answer)):
        # A reset may overtake bytes that were sent before it, so that no answer was seen at all.
        expected = UpstreamCut if position and how == "cut" else UpstreamError
        with pytest.raises(expected, match='"model-host" closed the connection') as caught:
            await read_all(client, server.upstream())
        assert not isinstance(caught.value, UpstreamConnectError)
    assert len(server.calls) == len(answer)  # none of these was tried again


async def test_what_arrived_before_a_cut_is_given_out_before_the_error(serve, new_client):
    server = await serve(plays(chunked(b"one", b"two")[:-5], then=Call.cut))
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    await server.calls[0].until_gone()
    assert await response.chunk() == b"onetwo"
    for _ in range(2):
        with pytest.raises(UpstreamCut):
            await response.chunk()


async def test_a_reset_does_not_end_a_body_without_framing(serve, new_client):
    async def script(call: Call) -> None:
        await call.request()
        await call.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        go_on.clear()
        await go_on.wait()
        call.reset()

    go_on = asyncio.Event()
    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    assert await response.chunk() == b"half"
    go_on.set()
    with pytest.raises(UpstreamCut):
        await response.chunk()


@pytest.mark.parametrize(
    "answer",
    [
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200 + b"\r\n",
    ],
    ids=["garbage", "HTTP/2", "101", "both framings", "two lengths", "oversized head", "too many headers"],
)
async def test_a_broken_head_is_an_error_and_the_connection_is_closed(serve, new_client, answer):
    server = await serve(plays(answer, then=None))
    with pytest.raises(UpstreamProtocolError, match=r'"model-host" did not answer in proper HTTP/1.1'):
        await read_all(new_client(), server.upstream())
    await server.calls[0].until_gone()


@pytest.mark.parametrize("size", [b"xyz", b"-1", b"0x1", b"FFFFFFFFFFFFFFFFF"])
async def test_a_bad_chunk_size_is_an_error_after_what_was_good(serve, new_client, size):
    async def script(call: Call) -> None:
        await call.request()
        await call.send(chunked(b"good")[:-5])
        await go_on.wait()
        await call.send(size + b"\r\nbad\r\n0\r\n\r\n")

    go_on = asyncio.Event()
    server = await serve(script)
    response = await new_client().post(server.upstream(), "/x", headers=(), body=b"")
    assert await response.chunk() == b"good"
    go_on.set()
    with pytest.raises(UpstreamProtocolError, match=r"(?i)chunk size"):
        await response.chunk()
    await server.calls[0].until_gone()


# One more try, or not.


def dies_when_used_again(how: str) -> Script:
    async def script(call: Call) -> None:
        await call.request()
        await call.send(whole(b"first"))
        await call.request()
        getattr(call, how)()

    return script


@pytest.mark.parametrize("how", ["cut", "reset"])
async def test_a_used_connection_that_dies_unanswered_is_tried_again_on_a_new_one(serve, new_client, how):
    server = await serve(dies_when_used_again(how), repeats(whole(b"second")))
    client = new_client()
    assert await read_all(client, server.upstream()) == b"first"
    assert await read_all(client, server.upstream()) == b"second"
    assert len(server.calls) == 2


async def test_there_is_one_more_try_and_no_third(serve, new_client):
    server = await serve(dies_when_used_again("cut"), plays(b"", then=Call.cut))
    client = new_client()
    await read_all(client, server.upstream())
    with pytest.raises(UpstreamError, match="without an answer"):
        await read_all(client, server.upstream())
    assert len(server.calls) == 2


async def test_all_idle_connections_dying_at_once_cost_one_more_try_each(serve, new_client):
    """A restarted upstream leaves a pool full of dead connections: the new try must not pick another of them."""
    both_here = asyncio.Barrier(2)

    async def dying(call: Call) -> None:
        await call.request()
        await both_here.wait()
        await call.send(whole(b"first"))
        await call.request()
        call.cut()

    server = await serve(dying, dying, repeats(whole(b"second")))
    client = new_client(connections_max=2)
    await asyncio.gather(*(read_all(client, server.upstream()) for _ in range(2)))
    assert await read_all(client, server.upstream()) == b"second"


async def test_a_new_connection_that_dies_unanswered_is_not_tried_again(serve, new_client):
    server = await serve(plays(b"", then=Call.cut))
    with pytest.raises(UpstreamError, match="without an answer") as caught:
        await read_all(new_client(), server.upstream())
    assert not isinstance(caught.value, UpstreamConnectError | UpstreamCut)
    assert len(server.calls) == 1


@pytest.mark.parametrize("part", [b"H", b"HTTP/1.1 200 OK\r\ncontent-len", whole(b"half an answer")[:-5]])
async def test_a_used_connection_that_dies_inside_an_answer_is_not_tried_again(serve, new_client, part):
    server = await serve(plays(whole(b"first"), part, then=Call.cut))
    client = new_client()
    await read_all(client, server.upstream())
    with pytest.raises(UpstreamCut):
        await read_all(client, server.upstream())
    assert len(server.calls) == 1


async def test_a_used_connection_that_stays_silent_is_not_tried_again(serve, new_client):
    server = await serve(plays(whole(b"first"), b""))
    client = new_client(first_byte_timeout_s=0.5)
    await read_all(client, server.upstream())
    with pytest.raises(UpstreamTimeout):
        await read_all(client, server.upstream())
    assert len(server.calls) == 1


# Time.


def answers_then_hangs(*pieces: bytes) -> Script:
    async def script(call: Call) -> None:
        await call.request()
        for piece in pieces:
            await call.send(piece)
        await call.until_gone()

    return script


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200 OK\r\n",), (b"HTTP/1.1 103 Early Hints\r\n\r\n",)])
async def test_a_head_that_does_not_come_is_a_first_byte_timeout(serve, new_client, pieces):
    server = await serve(answers_then_hangs(*pieces))
    with pytest.raises(UpstreamTimeout, match=r'"model-host" did not start to answer within 0.05 s') as caught:
        await read_all(new_client(first_byte_timeout_s=0.05), server.upstream())
    assert caught.value.phase == "first_byte"
    await server.calls[0].until_gone()


async def test_dripping_header_bytes_does_not_extend_the_first_byte_deadline(serve, new_client):
    async def script(call: Call) -> None:
        await call.request()
        for byte in whole(b"", headers=b"x: " + b"y" * 1000 + b"\r\n"):
            await call.send_apart(bytes([byte]))

    server = await serve(script)
    with pytest.raises(UpstreamTimeout) as caught:
        await read_all(new_client(first_byte_timeout_s=0.1), server.upstream())
    assert caught.value.phase == "first_byte"


async def test_a_body_that_falls_silent_is_an_idle_timeout(serve, new_client):
    server = await serve(answers_then_hangs(chunked(b"one")[:-5]))
    client = new_client(idle_timeout_s=0.5)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    assert await response.chunk() == b"one"
    with pytest.raises(UpstreamTimeout, match=r"fell silent for 0.5 seconds") as caught:
        await response.chunk()
    assert caught.value.phase == "idle"
    await server.calls[0].until_gone()


async def test_bytes_extend_the_idle_deadline_but_not_the_total_one(serve, new_client):
    async def script(call: Call) -> None:
        await call.request()
        await call.send(chunked()[:-5])
        while True:
            await call.send_apart(b"1\r\nx\r\n")

    server = await serve(script)
    client = new_client(idle_timeout_s=0.5, total_timeout_s=1.2)
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    started = asyncio.get_running_loop().time()
    with pytest.raises(UpstreamTimeout, match=r"did not finish within 1.2 seconds") as caught:
        await response.read(1 << 20)
    assert caught.value.phase == "total"
    assert 1 < asyncio.get_running_loop().time() - started < 10


async def test_the_total_deadline_also_ends_a_head_that_does_not_come(serve, new_client):
    server = await serve(answers_then_hangs())
    with pytest.raises(UpstreamTimeout) as caught:
        await read_all(new_client(total_timeout_s=0.05), server.upstream())
    assert caught.value.phase == "total"


async def test_the_deadlines_of_one_request_do_not_carry_over_to_the_next(serve, new_client):
    """The connection's one timer is set for the first request and must not end the second."""

    async def script(call: Call) -> None:
        for body in (b"first", b"second"):
            await call.request()
            await asyncio.sleep(0.6)
            await call.send(whole(body))

    server = await serve(script)
    client = new_client(first_byte_timeout_s=1)
    assert await read_all(client, server.upstream()) == b"first"
    assert await read_all(client, server.upstream()) == b"second"
    assert len(server.calls) == 1


# Connecting.


async def test_a_refused_connection_is_a_connect_error(serve, new_client):
    server = await serve(repeats(whole(b"")))
    upstream = server.upstream()
    await server.stop()
    client = new_client(connections_max=1)
    for _ in range(2):  # the place in the pool comes back
        with pytest.raises(UpstreamConnectError, match=r'"model-host" could not be reached .connection refused.'):
            await read_all(client, upstream)


async def test_a_connection_that_is_not_accepted_is_a_connect_timeout(new_client, full_backlog):
    client = new_client(connect_timeout_s=0.1)
    with pytest.raises(UpstreamTimeout, match=r"could not be reached within 0.1 seconds") as caught:
        await read_all(client, full_backlog)
    assert caught.value.phase == "connect"


# The end.


async def test_closing_the_client_ends_what_is_in_flight(serve, new_client):
    server = await serve(answers_then_hangs(chunked(b"one")[:-5]), answers_then_hangs())
    client = new_client()
    response = await client.post(server.upstream(), "/x", headers=(), body=b"")
    waiting = asyncio.ensure_future(client.post(server.upstream(), "/x", headers=(), body=b""))
    await server.connections(2)
    await client.aclose()
    assert await response.chunk() == b"one"
    with pytest.raises(UpstreamCut):
        await response.chunk()
    with pytest.raises((UpstreamCut, UpstreamConnectError)):
        await waiting
    with pytest.raises(UpstreamConnectError, match="shutting down"):
        await read_all(client, server.upstream())
    await until(lambda: all(call.gone.is_set() for call in server.calls))
