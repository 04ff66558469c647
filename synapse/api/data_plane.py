"""Routes of the data plane. They are matched exactly and before any framework's router: paths here are a contract."""

import asyncio
import contextlib
import logging
from urllib.parse import unquote_to_bytes

from ..errors import GatewayError, GatewayStopping, InvalidRequest
from ..pipeline import Pipeline
from .asgi_client import AsgiClient, Receive, Scope, Send
from .client_address import AddressResolver

logger = logging.getLogger("synapse.api")

PREFIX = b"/v1/"
_MODEL_PREFIX = b"/v1/models/"
# For the last event of a stream that is ended; a client that does not read must not keep the worker.
LAST_WORD_TIMEOUT_S = 0.5


class DataPlane:
    """Answers everything below /v1/."""

    def __init__(
        self, pipeline: Pipeline, *, addresses: AddressResolver, body_bytes_max: int, body_timeout_s: float
    ) -> None:
        self._pipeline = pipeline
        self._addresses = addresses
        self._body_bytes_max = body_bytes_max
        self._body_timeout_s = body_timeout_s
        self._open: set[asyncio.Task[None] | None] = set()
        self._ending = False

    def end_open(self) -> None:
        """End the requests that are open, since the worker cannot wait for them any longer."""
        self._ending = True
        while self._open:
            if (task := self._open.pop()) is not None:
                task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        client = AsgiClient(
            scope,
            receive,
            send,
            task=task,
            addresses=self._addresses,
            body_bytes_max=self._body_bytes_max,
            body_timeout_s=self._body_timeout_s,
        )
        self._open.add(task)
        try:
            await self._dispatch(scope["method"], scope["raw_path"], client)
        except GatewayError as error:
            # Only a request that could not even be recorded ends here.
            await client.refuse(error, ())
        except Exception:
            # The worker must not die of one request, and its caller gets an answer in the shape it expects.
            logger.exception("a request failed inside the gateway")
            await client.refuse(GatewayError("The gateway failed on this request. Its log says why."), ())
        except asyncio.CancelledError:
            # When there is nobody left to answer, the server would log a traceback for each.
            if client.gone:
                return
            if not self._ending:
                raise
            await _say_that_we_stop(client)
        finally:
            self._open.discard(task)

    async def _dispatch(self, method: str, path: bytes, client: AsgiClient) -> None:
        pipeline = self._pipeline
        if path == b"/v1/chat/completions":
            if method == "POST":
                return await pipeline.chat_completions(client)
            return await pipeline.reject(client, _method_not_allowed("POST"))
        if path == b"/v1/models" or path.startswith(_MODEL_PREFIX):
            if method == "GET":
                return await pipeline.models(client, _model_name(path))
            return await pipeline.reject(client, _method_not_allowed("GET"))
        return await pipeline.reject(
            client, InvalidRequest("There is no such endpoint here.", code="not_found", status=404)
        )


async def _say_that_we_stop(client: AsgiClient) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORD_TIMEOUT_S):
            await client.refuse(GatewayStopping("The gateway is stopping. Send the request again."), ())


def _method_not_allowed(method: str) -> InvalidRequest:
    return InvalidRequest(f"This endpoint only answers {method}.", code="method_not_allowed", status=405)


def _model_name(path: bytes) -> str | None:
    """The model of /v1/models/{id}; its name may hold slashes, as it is or encoded."""
    return unquote_to_bytes(path[len(_MODEL_PREFIX) :]).decode("utf-8", "replace") or None
