"""Layer one: the key decides who calls, the binding for what."""

import hashlib

import pytest

from synapse.chat import RequestLimits, parse
from synapse.errors import Forbidden, InvalidRequest, Unauthenticated
from synapse.layers import auth
from synapse.policy import Binding, Key, Limits, Snapshot

SECRET = b"syn_" + b"k" * 38


def make_binding(**changes: object) -> Binding:
    fields: dict[str, object] = {
        "team_id": "t",
        "team_name": "team",
        "purpose": "test",
        "system_prompt": None,
        "models": frozenset({"m"}),
        "classification": "sensitive",
        "dlp_policy": "default",
    }
    return Binding(**{**fields, **changes})  # type: ignore[arg-type]


def make_key(*, disabled_at_us: int | None = None, **binding: object) -> Key:
    return Key(
        id="k",
        prefix="syn_kkkkkkkk",
        sha256=hashlib.sha256(SECRET).digest(),
        binding=make_binding(**binding),
        limits=Limits(),
        disabled_at_us=disabled_at_us,
    )


def snapshot_of(key: Key) -> Snapshot:
    return Snapshot(version=1, keys={key.sha256: key}, models={}, policies={})


def test_the_right_key_is_found() -> None:
    key = make_key()
    assert auth.authenticate(b"bearer  " + SECRET, snapshot_of(key)) is key


@pytest.mark.parametrize("header", [None, b"", b"Bearer", b"Bearer ", b"Basic abc", SECRET, b"Bearer a b"])
def test_a_missing_or_malformed_header_is_401(header: bytes | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        auth.authenticate(header, snapshot_of(make_key()))
    assert (caught.value.status, caught.value.code) == (401, "missing_api_key")


@pytest.mark.parametrize("token", [b"syn_unknown", SECRET[:-1], SECRET.upper(), SECRET + b"x", b"x" * 100_000])
def test_any_other_key_is_403_and_is_not_repeated_in_the_message(token: bytes) -> None:
    with pytest.raises(Forbidden) as caught:
        auth.authenticate(b"Bearer " + token, snapshot_of(make_key()))
    assert caught.value.code == "invalid_api_key"
    assert token[:12].decode() not in caught.value.message


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (make_key(disabled_at_us=1_000), "key_disabled"),
        (make_key(expires_at_us=1_000), "key_expired"),
        (make_key(disabled_at_us=1_000, expires_at_us=1), "key_disabled"),
    ],
)
def test_a_disabled_or_expired_key_is_403_from_that_moment_on(key: Key, code: str) -> None:
    with pytest.raises(Forbidden) as caught:
        auth.require_active(key, now_us=1_000)
    assert caught.value.code == code


def test_a_key_works_until_its_moment_comes() -> None:
    auth.require_active(make_key(disabled_at_us=1_000, expires_at_us=1_000), now_us=999)


def test_a_model_outside_the_allowlist_is_403_and_names_the_parameter() -> None:
    with pytest.raises(Forbidden) as caught:
        auth.require_model(make_binding(), "other")
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")


def scoped(binding: Binding, body: bytes) -> dict[str, object]:
    request = parse(body, RequestLimits())
    auth.scope(binding, request)
    return request.body


def test_the_bound_prompt_comes_first_and_the_clients_instructions_go() -> None:
    raw = b'{"model":"m","messages":[{"role":"System","content":"no"},{"role":"user","content":"hi"}]}'
    assert scoped(make_binding(system_prompt="be kind"), raw)["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hi"},
    ]


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("", {"max_completion_tokens": 100}),
        ('"max_tokens":50,', {"max_tokens": 50}),
        ('"max_tokens":500,', {"max_tokens": 100}),
        ('"max_completion_tokens":500,"max_tokens":7,', {"max_completion_tokens": 100, "max_tokens": 7}),
    ],
)
def test_a_cap_on_the_length_holds_under_each_of_its_names(given: str, becomes: dict[str, int]) -> None:
    raw = f'{{"model":"m",{given}"messages":[{{"role":"user","content":"hi"}}]}}'.encode()
    body = scoped(make_binding(caps={"max_tokens": 100}), raw)
    assert {name: body[name] for name in ("max_tokens", "max_completion_tokens") if name in body} == becomes


def test_other_caps_lower_what_is_given_and_add_nothing() -> None:
    binding = make_binding(caps={"n": 2, "temperature": 1})
    body = scoped(binding, b'{"model":"m","n":5,"messages":[{"role":"user","content":"hi"}]}')
    assert body["n"] == 2
    assert "temperature" not in body


@pytest.mark.parametrize("name", ["chat_template", "models", "api_base", "options", "Chat_Template", "system"])
def test_a_parameter_that_would_replace_the_binding_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        scoped(make_binding(), f'{{"model":"m","{name}":1,"messages":[{{"role":"user","content":"x"}}]}}'.encode())
    assert (caught.value.status, caught.value.param) == (400, name)


def test_a_conversation_of_instructions_only_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        scoped(make_binding(system_prompt="p"), b'{"model":"m","messages":[{"role":"system","content":"x"}]}')
    assert caught.value.param == "messages"


@pytest.mark.parametrize("value", ['"many"', "[]", "true"])
def test_what_is_capped_must_be_a_number(value: str) -> None:
    raw = f'{{"model":"m","top_k":{value},"messages":[{{"role":"user","content":"x"}}]}}'.encode()
    with pytest.raises(InvalidRequest) as caught:
        scoped(make_binding(caps={"top_k": 5}), raw)
    assert caught.value.param == "top_k"
