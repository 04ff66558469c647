"""The request path. Every request passes five layers, in this order:

    1. auth and use-case scoping    who calls, for which approved use
    2. prompt DLP                   what of it may leave
    3. routing by classification    where it may go
    4. audit                        on record before the upstream is called, and closed before the last byte leaves
    5. response DLP                 what of the answer may come back

A layer decides by returning or by raising a GatewayError. Nothing the client sends turns a layer off.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import orjson

from . import chat
from .chat import ChatRequest, RequestLimits
from .dlp import Ruleset
from .errors import (
    GatewayError,
    GatewayStopping,
    InvalidRequest,
    PromptBlocked,
    UpstreamConnectError,
    UpstreamCut,
    UpstreamError,
)
from .exchange import BYTES_PER_TOKEN, Clock, Exchange
from .interfaces import AuditLog, Client, Limiter, PolicySource, UpstreamClient, UpstreamResponse
from .layers import auth, prompt_dlp, routing
from .layers.response_dlp import StreamFilter, filter_answer
from .layers.routing import Route
from .policy import Key, Snapshot
from .provider_refusal import provider_refusal

_JSON = (b"content-type", b"application/json")
_EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the stream back otherwise
]
# What of a provider's error is read.
PROVIDER_ERROR_BYTES_MAX = 64 * 1024
# Tokens reserved for an answer whose length the request does not limit.
ANSWER_TOKENS_ASSUMED = 1024
# A provider's statuses that speak of our credentials, not of the client's request.
_OUR_FAULT = frozenset((401, 403, 407))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The five layers, and the edges they need."""

    policy: PolicySource
    audit: AuditLog
    limiter: Limiter
    upstreams: UpstreamClient
    response_bytes_max: int
    limits: RequestLimits = RequestLimits()
    clock: Clock = Clock()

    async def chat_completions(self, client: Client) -> None:
        """POST /v1/chat/completions."""
        exchange = Exchange(client, "/v1/chat/completions", audit=self.audit, clock=self.clock)
        try:
            # 1. Auth and use-case scoping.
            snapshot = self.policy.snapshot
            key = self._authenticate(client, exchange, snapshot)
            raw = await self._receive(client, exchange)
            if snapshot is not self.policy.snapshot:
                # While a slow body arrived something changed, such as that the key was disabled.
                snapshot = self.policy.snapshot
                key = self._authenticate(client, exchange, snapshot)
            request = self._understand(raw, exchange, snapshot)
            auth.require_model(key.binding, request.model)
            auth.scope(key.binding, request)
            exchange.admitted(self.limiter.admit(key, tokens_estimate=_tokens_estimate(exchange, request)))
            exchange.lap("auth")

            # 2. Prompt DLP.
            ruleset = snapshot.ruleset_for(key, self.clock.now_us())
            verdict = await self._inspect(request, exchange, ruleset, history=key.binding.history)
            exchange.inspected(verdict, policy_version=ruleset.version)
            exchange.lap("dlp_in")
            if verdict.action == "block":
                _refuse_prompt(verdict, exchange.entry.incident_id)

            # 3. Routing by classification.
            routes = routing.candidates(snapshot.models.get(request.model, ()), key.binding.classification)
            exchange.lap("route")

            # 4. Audit: the intent, before the upstream sees anything.
            exchange.intended(routes[0])
            response = await self._call(routes, request, exchange)

            # 5. Response DLP. The outcome is on record before the last byte leaves.
            try:
                await _require_success(response, exchange, ruleset)
                if request.stream:
                    answer = StreamFilter(
                        ruleset, usage_wanted=request.usage_wanted, answer_bytes_max=self.response_bytes_max
                    )
                    await self._stream(client, exchange, response, answer)
                else:
                    await self._answer(client, exchange, response, ruleset)
            finally:
                response.abort()
        except GatewayError as error:
            exchange.refused(error)
            await client.refuse(error, exchange.headers())
        except asyncio.CancelledError:
            # 499 is what nginx writes for a client that left; whom we leave ourselves gets 503.
            status = 200 if exchange.started else 499 if client.gone else GatewayStopping.status
            exchange.close("client_gone" if client.gone else "aborted", status=status)
            raise
        finally:
            exchange.close("aborted", status=500)

    async def models(self, client: Client, name: str | None = None) -> None:
        """GET /v1/models and /v1/models/{id}: what the key may use."""
        exchange = Exchange(client, "/v1/models", audit=self.audit, clock=self.clock)
        try:
            key = self._authenticate(client, exchange, self.policy.snapshot)
            exchange.lap("auth")
            body = _model_list(key) if name is None else _model(key, name)
            exchange.close("completed", status=200)
            await client.answer(200, [_JSON, *exchange.headers()], orjson.dumps(body))
        except GatewayError as error:
            exchange.refused(error)
            await client.refuse(error, exchange.headers())
        finally:
            exchange.close("aborted", status=500)

    async def reject(self, client: Client, error: GatewayError) -> None:
        """A request for something that is not there: on record like every other, and only for those with a key."""
        exchange = Exchange(client, "unknown", audit=self.audit, clock=self.clock)
        try:
            self._authenticate(client, exchange, self.policy.snapshot)
        except GatewayError as refusal:
            error = refusal
        exchange.refused(error)
        await client.refuse(error, exchange.headers())

    def _authenticate(self, client: Client, exchange: Exchange, snapshot: Snapshot) -> Key:
        key = auth.authenticate(client.header(b"authorization"), snapshot)
        exchange.identified(key)
        auth.require_active(key, now_us=self.clock.now_us())
        return key

    async def _receive(self, client: Client, exchange: Exchange) -> bytes:
        exchange.lap("auth")
        raw = await client.body()
        exchange.lap("body")
        exchange.received(raw)
        return raw

    def _understand(self, raw: bytes, exchange: Exchange, snapshot: Snapshot) -> ChatRequest:
        request = chat.parse(raw, self.limits)
        exchange.understood(request, model_known=request.model in snapshot.models)
        return request

    async def _inspect(
        self, request: ChatRequest, exchange: Exchange, ruleset: Ruleset, *, history: Literal["redact", "block"]
    ) -> prompt_dlp.PromptVerdict:
        """A large body in steps, between which other requests get their turn and a client that left is noticed."""
        if exchange.entry.request_bytes <= prompt_dlp.AT_ONCE_BYTES_MAX:
            return prompt_dlp.inspect(request.body, ruleset, history=history, limits=self.limits)
        steps = prompt_dlp.inspect_in_steps(request.body, ruleset, history=history, limits=self.limits)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                verdict: prompt_dlp.PromptVerdict = end.value
                return verdict
            await asyncio.sleep(0)

    async def _call(self, routes: Sequence[Route], request: ChatRequest, exchange: Exchange) -> UpstreamResponse:
        """The first target that can be reached. Another one is tried only when nothing was sent to this one."""
        body = request.body
        if request.stream:
            # Tokens are counted for streams too; the client sees them only when it asked.
            body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
        last = len(routes) - 1
        for index, route in enumerate(routes):
            exchange.routed(route)
            body["model"] = route.target.model
            try:
                return await self.upstreams.post(
                    route.target.upstream, "/chat/completions", headers=(), body=orjson.dumps(body)
                )
            except UpstreamConnectError:
                if index == last:
                    raise
            finally:
                exchange.lap("upstream")
        raise AssertionError("routing never returns an empty list of candidates")

    async def _answer(self, client: Client, exchange: Exchange, response: UpstreamResponse, ruleset: Ruleset) -> None:
        raw = await response.read(self.response_bytes_max)
        exchange.lap("upstream")
        answer = filter_answer(ruleset, raw)
        exchange.lap("dlp_out")
        exchange.first_text()
        exchange.answered(answer, answer.text)
        exchange.entry.response_bytes = len(answer.body)
        exchange.close("blocked_dlp_response" if answer.blocked else "completed", status=200)
        await client.answer(200, [_JSON, *exchange.headers()], answer.body)

    async def _stream(
        self, client: Client, exchange: Exchange, response: UpstreamResponse, answer: StreamFilter
    ) -> None:
        """Pass the deltas on as they come; hold back the end until the outcome is on record."""
        entry = exchange.entry
        await client.start(200, [*_EVENT_STREAM, *exchange.headers()])
        exchange.started = True
        try:
            while True:
                data = await response.chunk()
                exchange.lap("upstream")
                if not data:
                    raise UpstreamCut("The upstream ended its stream without saying that it was done.")
                out = b"".join(answer.feed(data))
                exchange.lap("dlp_out")
                entry.response_bytes += len(out)
                if answer.done or answer.blocked or answer.upstream_error is not None:
                    break
                if out:
                    exchange.first_text()
                    await client.send(out)
        finally:
            # What was still held back when the stream broke is not delivered, but what was found in it is counted.
            delivered = answer.delivered_text()
            answer.finish()
            exchange.answered(answer, delivered)
        if answer.upstream_error is not None:
            entry.error_code = UpstreamError.code
            exchange.close("upstream_error", status=200)
            await client.send(out)
            return  # without an end: the connection breaks
        exchange.close("blocked_dlp_response" if answer.blocked else "completed", status=200)
        await client.end(out)
        if not answer.blocked:
            # A whole answer leaves its connection for the next request.
            await response.chunk()


def _tokens_estimate(exchange: Exchange, request: ChatRequest) -> int:
    """What to reserve: four bytes a token for the prompt, and for each choice the longest answer asked for."""
    body = request.body
    # Upstreams differ in which of the two they read.
    answer = max(body.get("max_completion_tokens") or 0, body.get("max_tokens") or 0) or ANSWER_TOKENS_ASSUMED
    return exchange.entry.request_bytes // BYTES_PER_TOKEN + int(answer) * int(body.get("n") or 1)


def _refuse_prompt(verdict: prompt_dlp.PromptVerdict, incident_id: str | None) -> NoReturn:
    rules = ", ".join(sorted({row["rule"] for row in verdict.findings if row["action"] == "block"}))
    raise PromptBlocked(
        f"The request was blocked because it contains data that must not leave: {rules}. Remove it and send again.",
        incident_id=incident_id or "",
        findings=verdict.findings,
    )


async def _require_success(response: UpstreamResponse, exchange: Exchange, ruleset: Ruleset) -> None:
    """Raises ProviderRefusal for the provider's own 4xx, UpstreamError for everything else that is not 200."""
    status = response.status
    if status == 200:
        return
    name = exchange.entry.upstream
    if status in _OUR_FAULT:
        raise UpstreamError(f"The upstream '{name}' refused the gateway's credentials. Check its api_key_ref.")
    if not 400 <= status < 500:
        raise UpstreamError(f"The upstream '{name}' answered {status}.")
    raw = await response.read(PROVIDER_ERROR_BYTES_MAX)
    exchange.lap("upstream")
    refusal, found = provider_refusal(status, raw, retry_after=response.header(b"retry-after"), ruleset=ruleset)
    exchange.found_in_refusal(found)
    raise refusal


def _model_list(key: Key) -> dict[str, object]:
    return {"object": "list", "data": [_model_object(name) for name in sorted(key.binding.models)]}


def _model(key: Key, name: str) -> dict[str, object]:
    if name not in key.binding.models:
        raise InvalidRequest("That model is not among those of this API key.", code="model_not_found", status=404)
    return _model_object(name)


def _model_object(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "synapse"}
