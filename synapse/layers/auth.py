"""Layer one: who calls, and for which approved use case. Whatever the client says, the binding decides."""

import hashlib

from ..chat import ChatRequest, Json, without_client_instructions
from ..errors import Forbidden, InvalidRequest, Unauthenticated
from ..policy import Binding, Key, Snapshot

# A key is 42 characters. Anything longer than this is not one, and is not hashed.
TOKEN_BYTES_MAX = 256

# The names one cap on the answer's length goes by; the first is what a request without any of them gets.
_LENGTH_CAPS = ("max_completion_tokens", "max_tokens")

# Parameters by which servers behind us would take another prompt, template, model, target or length than the binding's:
# vLLM, Ollama, LiteLLM, OpenRouter and Azure OpenAI know them. They are not part of OpenAI's API.
_REPLACES_BINDING = frozenset(
    """chat_template chat_template_kwargs template continue_final_message add_generation_prompt documents system
    instructions prompt input suffix models model_list fallbacks context_window_fallbacks route provider plugins
    transforms api_base base_url api_key api_version api_type custom_llm_provider deployment_id data_sources options
    num_predict keep_alive extra_body extra_headers prompt_token_ids prompt_embeds""".split()
)


def authenticate(authorization: bytes | None, snapshot: Snapshot) -> Key:
    """The key of `Authorization: Bearer syn_…`. Raises Unauthenticated or Forbidden."""
    if authorization is None:
        raise Unauthenticated("No API key. Send it as 'Authorization: Bearer syn_…'.")
    scheme, _, token = authorization.partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token or b" " in token:
        raise Unauthenticated("The Authorization header is malformed. Send 'Authorization: Bearer syn_…'.")
    # Looking the digest up leaks nothing that a timing could tell: it is not the secret, and cannot be steered.
    key = snapshot.keys.get(hashlib.sha256(token).digest()) if len(token) <= TOKEN_BYTES_MAX else None
    if key is None:
        raise Forbidden("This API key is not known here. Ask your platform team for one.", code="invalid_api_key")
    return key


def require_active(key: Key, *, now_us: int) -> None:
    """Raises Forbidden for a key that has been disabled or has expired."""
    if key.disabled_at_us is not None and key.disabled_at_us <= now_us:
        raise Forbidden("This API key has been disabled. Ask your platform team for a new one.", code="key_disabled")
    expires_at_us = key.binding.expires_at_us
    if expires_at_us is not None and expires_at_us <= now_us:
        raise Forbidden("This API key has expired. Ask your platform team for a new one.", code="key_expired")


def require_model(binding: Binding, model: str) -> None:
    """Raises Forbidden for a model that the key was not approved for."""
    if model not in binding.models:
        allowed = ", ".join(sorted(binding.models)) or "none"
        raise Forbidden(
            f"This API key may not use that model. It may use: {allowed}.", code="model_not_allowed", param="model"
        )


def scope(binding: Binding, request: ChatRequest) -> None:
    """Put the bound system prompt first, drop the client's own instructions, cap what the binding caps.

    Raises InvalidRequest for parameters that would get round the binding, and for a conversation without content.
    """
    body = request.body
    for name in body:
        if name.casefold() in _REPLACES_BINDING:
            raise InvalidRequest(
                "This parameter would replace what the API key is bound to. Leave it out.", param=name[:64]
            )
    messages = without_client_instructions(body["messages"])
    if not messages:
        raise InvalidRequest("'messages' has no message of the user.", param="messages")
    if binding.system_prompt is not None:
        messages.insert(0, {"role": "system", "content": binding.system_prompt})
    body["messages"] = messages
    for name, most in binding.caps.items():
        _cap(body, name, most)


def _cap(body: Json, name: str, most: float) -> None:
    names = _LENGTH_CAPS if name in _LENGTH_CAPS else (name,)
    given = [alias for alias in names if body.get(alias) is not None]
    for alias in given:
        value = body[alias]
        if type(value) is not int and type(value) is not float:
            raise InvalidRequest(f"'{alias}' must be a number.", param=alias)
        body[alias] = min(value, most)
    if not given and name in _LENGTH_CAPS:
        body[_LENGTH_CAPS[0]] = most
