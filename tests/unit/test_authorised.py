"""The upstream gets the gateway's own credentials, read by reference at each call."""

import pytest

from synapse.errors import UpstreamConnectError
from synapse.interfaces import Headers, UpstreamResponse
from synapse.policy import Upstream
from synapse.upstream.authorised import AuthorisedClient


class Recorded(Exception):
    pass


class Recorder:
    async def post(self, upstream: Upstream, path: str, *, headers: Headers, body: bytes) -> UpstreamResponse:
        raise Recorded(dict(headers))


def upstream(ref: str | None) -> Upstream:
    return Upstream("up", "http://127.0.0.1/v1", "on_prem", api_key_ref=ref)


async def sent(client: AuthorisedClient, ref: str | None) -> dict[bytes, bytes]:
    with pytest.raises(Recorded) as caught:
        await client.post(upstream(ref), "/x", headers=((b"x-one", b"1"),), body=b"")
    headers: dict[bytes, bytes] = caught.value.args[0]
    return headers


async def test_without_a_reference_no_credentials_are_sent() -> None:
    headers = await sent(AuthorisedClient(Recorder(), {}), None)
    assert b"authorization" not in headers
    assert headers[b"x-one"] == b"1"
    assert headers[b"user-agent"].startswith(b"synapse/")


async def test_a_secret_comes_from_the_environment_or_a_file_without_its_line_end() -> None:
    files = {"/run/key": "from-file\n"}
    client = AuthorisedClient(Recorder(), {"KEY": "from-env"}, files.__getitem__)
    assert (await sent(client, "env:KEY"))[b"authorization"] == b"Bearer from-env"
    assert (await sent(client, "file:/run/key"))[b"authorization"] == b"Bearer from-file"


async def test_a_secret_that_cannot_be_read_means_that_nothing_was_sent() -> None:
    client = AuthorisedClient(Recorder(), {})
    with pytest.raises(UpstreamConnectError, match="env:MISSING"):
        await client.post(upstream("env:MISSING"), "/x", headers=(), body=b"")
