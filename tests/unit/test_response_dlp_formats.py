"""Streams in the shapes that providers document: clean ones pass byte for byte, others keep their shape."""

import json

import pytest
from answer_support import DONE, payloads, reasons, run, texts
from fakes_dlp import CARD

OPENAI_HEAD = (
    '{"id":"chatcmpl-B9","object":"chat.completion.chunk","created":1741570283,"model":"gpt-4o-2024-08-06",'
    '"service_tier":"default","system_fingerprint":"fp_44709d6fcb","choices":['
)
OPENAI = [
    OPENAI_HEAD + '{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,'
    '"finish_reason":null}],"usage":null,"obfuscation":"aK3x9"}',
    OPENAI_HEAD + '{"index":0,"delta":{"content":"Hello!"},"logprobs":null,"finish_reason":null}],"usage":null,'
    '"obfuscation":"Zq"}',
    OPENAI_HEAD + '{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null,"obfuscation":"x1"}',
    OPENAI_HEAD + '],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,'
    '"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}',
]
OPENAI_TOOLS = [
    OPENAI_HEAD + '{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_Dd7",'
    '"type":"function","function":{"name":"get_weather","arguments":""}}],"refusal":null},"logprobs":null,'
    '"finish_reason":null}]}',
    OPENAI_HEAD + '{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\""}}]},"logprobs":null,'
    '"finish_reason":null}]}',
    OPENAI_HEAD + '{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"city"}}]},"logprobs":null,'
    '"finish_reason":null}]}',
    OPENAI_HEAD + '{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\\":\\"Paris\\"}"}}]},'
    '"logprobs":null,"finish_reason":null}]}',
    OPENAI_HEAD + '{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]}',
]
VLLM_HEAD = '{"id":"chatcmpl-8b2b","object":"chat.completion.chunk","created":1772423572,"model":"qwen3","choices":['
VLLM = [
    VLLM_HEAD + '{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],'
    '"prompt_token_ids":null}',
    VLLM_HEAD + '{"index":0,"delta":{"reasoning":"Okay.","reasoning_content":"Okay."},"logprobs":null,'
    '"finish_reason":null,"token_ids":null}]}',
    VLLM_HEAD + '{"index":0,"delta":{"content":"안녕!"},"logprobs":null,"finish_reason":null,"token_ids":null}]}',
    VLLM_HEAD + '{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null}]}',
    VLLM_HEAD + '],"usage":{"prompt_tokens":12,"total_tokens":20,"completion_tokens":8}}',
]
OLLAMA_HEAD = (
    '{"id":"chatcmpl-481","object":"chat.completion.chunk","created":1731400242,"model":"llama3.2",'
    '"system_fingerprint":"fp_ollama","choices":['
)
OLLAMA = [
    OLLAMA_HEAD + '{"index":0,"delta":{"role":"assistant","content":"a \\u003c b."},"finish_reason":null}]}',
    OLLAMA_HEAD + '{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"id":"call_9a","index":0,'
    '"type":"function","function":{"name":"f","arguments":"{\\"a\\":\\"b\\"}"}}]},"finish_reason":null}]}',
    OLLAMA_HEAD + '{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}',
    OLLAMA_HEAD + '],"usage":{"prompt_tokens":26,"completion_tokens":4,"total_tokens":30}}',
]
LLAMA_CPP = [
    (
        '{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1781492231,'
        '"id":"chatcmpl-qC6","model":"gemma.gguf","system_fingerprint":"b9554-d403f00ec","object":"chat.completion.chunk"}'
    ),
    (
        '{"choices":[{"finish_reason":null,"index":0,"delta":{"reasoning_content":"Play."}}],"created":1781492231,'
        '"id":"chatcmpl-qC6","model":"gemma.gguf","object":"chat.completion.chunk",'
        '"timings":{"cache_n":7,"predicted_ms":1119.721}}'
    ),
    (
        '{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1781492231,"id":"chatcmpl-qC6",'
        '"model":"gemma.gguf","object":"chat.completion.chunk","timings":{"cache_n":7}}'
    ),
]
AZURE_SAFE = '{"hate":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}'
AZURE = [
    '{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,'
    '"content_filter_results":' + AZURE_SAFE + "}]}",
    (
        '{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},'
        '"finish_reason":null,"index":0,"logprobs":null}],"created":1,"id":"c","model":"gpt-4o",'
        '"object":"chat.completion.chunk","system_fingerprint":"fp"}'
    ),
    '{"choices":[{"content_filter_results":' + AZURE_SAFE + ',"delta":{"content":"Hi!"},"finish_reason":null,'
    '"index":0,"logprobs":null}],"created":1,"id":"c","model":"gpt-4o","object":"chat.completion.chunk"}',
    (
        '{"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0,"logprobs":null}],'
        '"created":1,"id":"c","model":"gpt-4o","object":"chat.completion.chunk"}'
    ),
]
STREAMS = {
    "openai": OPENAI,
    "openai tools": OPENAI_TOOLS,
    "vllm": VLLM,
    "ollama": OLLAMA,
    "llama.cpp": LLAMA_CPP,
    "azure": AZURE,
}


def events(payloads: list[str]) -> list[bytes]:
    return [f"data: {payload}\n\n".encode() for payload in payloads] + [DONE]


@pytest.mark.parametrize("name", STREAMS)
def test_a_clean_stream_passes_byte_for_byte(name: str) -> None:
    upstream = events(STREAMS[name])

    stream, out = run(upstream, CARD, usage_wanted=True)

    assert out == upstream
    assert stream.done
    assert stream.finish_reason in ("stop", "tool_calls")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("spaced", [True, False])
def test_clean_text_arrives_whole_also_when_parts_of_it_wait(name: str, spaced: bool) -> None:
    # The default rules hold back words: nearly every event is written again.
    again = [json.dumps(json.loads(payload)) if spaced else payload for payload in STREAMS[name]]

    stream, out = run(events(again))

    assert texts(out) == texts(events(again))
    assert reasons(out) == reasons(events(again))
    assert stream.findings == {}


@pytest.mark.parametrize("name", ["openai", "vllm", "ollama"])
def test_the_usage_chunk_is_dropped_for_a_client_that_did_not_ask(name: str) -> None:
    stream, out = run(events(STREAMS[name]), CARD)

    assert out == events(STREAMS[name][:-1])
    assert stream.prompt_tokens
    assert stream.completion_tokens


@pytest.mark.parametrize("name", STREAMS)
def test_chunks_of_our_own_look_like_the_upstreams(name: str) -> None:
    last = json.loads(next(payload for payload in reversed(STREAMS[name]) if '"index"' in payload))
    last["choices"] = [{"index": 0, "delta": {"content": "4111"}, "finish_reason": None}]

    _, out = run(events([json.dumps(last)]))

    assert out[-1] == DONE
    own = payloads(out)[-1]
    same = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
    assert {name: own[name] for name in same if name in last} == {name: last[name] for name in same if name in last}
    assert own["choices"][0]["delta"] == {"content": "4111"}


def test_a_vllm_error_ends_the_stream_before_its_done() -> None:
    error = '{"error":{"object":"error","message":"engine died","type":"InternalServerError","param":null,"code":500}}'

    stream, out = run(events([*VLLM[:2], error]), CARD)

    assert out == events([*VLLM[:2], error])[:-1]
    assert stream.upstream_error is not None
    assert stream.upstream_error["code"] == 500
