"""HTTPS: whom the client trusts, and whom it does not."""

import asyncio
import socket
import ssl

import pytest
from scripted_server import Call, chunked, repeats, whole

from synapse.errors import UpstreamConnectError, UpstreamCut, UpstreamTimeout
from synapse.upstream.limits import ClientLimits
from synapse.upstream.pool import _translated


async def test_a_certificate_of_the_upstreams_own_ca_is_trusted(serve, new_client, ca):
    server = await serve(repeats(whole(b"secure")), tls=ca.server_context("localhost"))
    client = new_client()
    upstream = server.upstream(host="localhost", ca_file=ca.file)
    for _ in range(3):
        response = await client.post(upstream, "/x", headers=(), body=b"{}" * 100_000)
        assert await response.read(10) == b"secure"
    assert len(server.calls) == 1


async def test_a_certificate_of_an_unknown_ca_is_refused(serve, new_client, ca):
    server = await serve(repeats(whole(b"x")), tls=ca.server_context("localhost"))
    with pytest.raises(UpstreamConnectError, match='"model-host" has a certificate that is not trusted'):
        await new_client().get(server.upstream(host="localhost"), "/x")


async def test_a_certificate_for_another_host_is_refused(serve, new_client, ca):
    server = await serve(repeats(whole(b"x")), tls=ca.server_context("elsewhere.example"))
    with pytest.raises(UpstreamConnectError, match=r"not trusted \(Hostname mismatch"):
        await new_client().get(server.upstream(host="localhost", ca_file=ca.file), "/x")


async def test_a_server_without_tls_is_refused(serve, new_client, ca):
    async def plain(call: Call) -> None:
        await call.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    server = await serve(plain)
    upstream = server.upstream(ca_file=ca.file)
    secure = type(upstream)("plain", upstream.base_url.replace("http:", "https:"), "on_prem", ca_file=ca.file)
    with pytest.raises(UpstreamConnectError, match='"plain" did not complete the TLS handshake'):
        await new_client().get(secure, "/x")


async def test_a_handshake_that_hangs_is_a_connect_timeout(serve, new_client, ca):
    server = await serve(lambda call: call.until_gone())
    upstream = server.upstream(ca_file=ca.file)
    secure = type(upstream)("shy", upstream.base_url.replace("http:", "https:"), "on_prem", ca_file=ca.file)
    with pytest.raises(UpstreamTimeout) as caught:
        await new_client(connect_timeout_s=0.1).get(secure, "/x")
    assert caught.value.phase == "connect"
    await server.calls[0].until_gone()


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_that_cannot_be_used_is_a_connect_error(serve, new_client, ca, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    server = await serve(repeats(whole(b"x")), tls=ca.server_context("localhost"))
    with pytest.raises(UpstreamConnectError, match="ca_file"):
        await new_client().get(server.upstream(host="localhost", ca_file=str(file)), "/x")


async def test_a_cut_over_tls_is_a_cut(serve, new_client, ca):
    async def script(call: Call) -> None:
        await call.request()
        await call.send(chunked(b"one")[:-5])
        await go_on.wait()
        call.cut()

    go_on = asyncio.Event()
    server = await serve(script, tls=ca.server_context("localhost"))
    response = await new_client().get(server.upstream(host="localhost", ca_file=ca.file), "/x")
    assert await response.chunk() == b"one"
    go_on.set()
    with pytest.raises(UpstreamCut):
        await response.chunk()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 80)"), "connection refused"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed"), "none of its addresses"),
        (ssl.SSLError(1, "no"), "TLS handshake"),
    ],
    ids=["no such host", "refused", "several addresses", "tls"],
)
def test_operators_read_why_connecting_failed(error, said):
    message = str(_translated(error, "model-host", ClientLimits()))
    assert message.startswith('Upstream "model-host" ')
    assert said in message
    assert "10.0.0.1" not in message
