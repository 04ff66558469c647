"""An answer in one piece: the same redaction, and the upstream's own bytes when there was nothing to do."""

import json
import time
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from answer_support import HEAD, dump
from fakes_dlp import FakeRuleset

from synapse.dlp import Scan, Side
from synapse.errors import UpstreamError, UpstreamProtocolError
from synapse.layers.answer.strings import WholeStrings
from synapse.layers.response_dlp import FilteredAnswer, filter_answer

PAN = "4111 1111 1111 1111"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def message(content: Any = None, reason: str = "stop", *, index: int = 0, **fields: Any) -> dict[str, Any]:
    body = {"role": "assistant", "content": content, **fields}
    return {"index": index, "message": body, "logprobs": None, "finish_reason": reason}


def answer(*choices: dict[str, Any], **more: Any) -> bytes:
    return dump({**HEAD, "object": "chat.completion", "choices": list(choices), "usage": USAGE, **more})


def filtered(body: bytes, **options: Any) -> tuple[FilteredAnswer, dict[str, Any]]:
    result = filter_answer(FakeRuleset(), body, **options)
    return result, json.loads(result.body)


def calling(*arguments: str) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": text}}
        for n, text in enumerate(arguments)
    ]


@pytest.mark.parametrize(
    "body",
    [
        answer(message("Hello.")),
        answer(message(None, tool_calls=calling('{"a": 1}', "{}"), refusal=None)),
        answer(message("a"), message("b", index=1), made_up=[{"by": ["a provider"]}]),
        json.dumps(json.loads(answer(message('say "x"'))), indent=2).encode(),
        b'{"choices":[{"message":{"content":"say \\u0022x\\u0022"}}]}',
        b'{"choices":[],"error":null}',
    ],
)
def test_an_answer_without_findings_is_the_upstreams_own_bytes(body: bytes) -> None:
    result, _ = filtered(body)

    assert result.body is body
    assert result.action == "none"
    assert not result.blocked


def test_what_is_known_about_an_answer_is_told() -> None:
    result, _ = filtered(answer(message("Hi.", "length"), message(PAN, index=1)))

    assert result == FilteredAnswer(
        body=result.body,
        findings={"credit_card": 1},
        action="redact",
        blocked=False,
        finish_reason="length",
        prompt_tokens=7,
        completion_tokens=5,
        text=b"Hi.\n[REDACTED:credit_card]",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"content": f"is {PAN}."},
        {"content": [{"type": "text", "text": f"is {PAN}"}]},
        {"refusal": PAN},
        {"reasoning": PAN},
        {"reasoning_content": PAN},
        {"reasoning_details": [{"type": "reasoning.text", "text": PAN}]},
        {"tool_calls": calling(json.dumps({"n": PAN}), '{"n": 4111111111111111}')},
        {"tool_calls": calling('{"n": "\\u00341111111 11111111"}', '{"n": "4111\\u00201111 1111 1111"}')},
        {"function_call": {"name": PAN, "arguments": PAN}},
        {"annotations": [{"type": "url_citation", "url_citation": {"title": PAN}}]},
        {"audio": {"id": "a", "transcript": PAN, "data": "QUJD"}},
        {"made_up": {"by": ["a provider", PAN]}},
    ],
)
def test_a_card_leaves_no_field_of_a_message(fields: dict[str, Any]) -> None:
    result, body = filtered(answer(message(**fields)))

    assert "credit_card" in result.findings
    assert PAN not in str(body)
    assert "4111111111111111" not in str(body)
    assert body["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    "body",
    [
        answer(message("x"), citations=[PAN]),
        answer({**message("x"), "note": PAN}),
        answer({**message("x"), "delta": {"content": PAN}}),
        answer({**message("x"), "token_ids": [4111]}),
        answer(message("x"), usage={"note": PAN}),
        answer(message("x", f"stop {PAN}")),
        answer({"index": 0, "text": PAN, "finish_reason": "stop"}),
        answer({"index": 0, "text": [{"part": PAN}], "finish_reason": "stop"}),
        answer({**message("x"), "logprobs": {"content": [{"token": "4111"}, {"token": " 1111 1111 1111"}]}}),
        answer({**message(PAN), "logprobs": {"content": [{"token": PAN}]}}),
        answer({**message("a " + PAN), "logprobs": {"content": [{"token": "4111"}]}}),
        answer({**message("x"), "logprobs": {"made_up": ["4111"]}}),
        answer({**message("x"), "logprobs": {"content": [{"token": "x", "top_logprobs": [{"token": PAN}]}]}}),
    ],
)
def test_strings_beside_the_messages_leave_redacted_or_not_at_all(body: bytes) -> None:
    result, _ = filtered(body)

    assert b"4111" not in result.body


def test_log_probabilities_pass_with_text_that_left_unchanged() -> None:
    body = answer({**message("Hi!"), "logprobs": {"content": [{"token": "Hi"}, {"token": "!"}], "refusal": None}})

    assert filtered(body)[0].body is body


def test_arguments_are_told_raw_as_they_were_delivered() -> None:
    result, _ = filtered(answer(message("a", tool_calls=calling('{"n":  1}', '{"n":4111111111111111}'))))

    assert result.text == b'a\n{"n":  1}\n{"n":               0}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[{"message":{"content":"4111 1111 1111 1111","content":"Hi"}}]}',
        b'{"choices":[{"message":{"content":"4111 1111 1111 1111"}}],"choices":[{"message":{"content":"Hi"}}]}',
        b'{"choices":[{"message":{"content":"Hi"},"mess\\u0061ge":{"content":"Hi \\u0022"}}]}',
        b'{"choices":[{"message":{"content":"Hi \\ud83d"}}]}',
    ],
)
def test_what_parsers_read_differently_is_written_again(body: bytes) -> None:
    result, decoded = filtered(body)

    assert result.body == orjson.dumps(decoded)
    assert b"4111" not in result.body


def test_a_blocked_choice_is_cut_at_the_match_and_others_stay() -> None:
    stopped = message(
        "before TOK_12345678 after", "tool_calls", reasoning="thought", tool_calls=calling("{}"), refusal="later"
    )

    result, body = filtered(answer(stopped, message("whole", index=1)))

    first, second = body["choices"]
    assert result.blocked
    assert result.action == "block"
    assert result.finish_reason == first["finish_reason"] == "content_filter"
    assert first["message"] == {"role": "assistant", "content": "before ", "reasoning": "thought", "refusal": ""}
    assert second == message("whole", index=1)
    assert result.text == b"before \nthought\nwhole"


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "Hi", "reasoning": "TOK_12345678"},
        {"content": "Hi", "tool_calls": calling("{}", '{"k":"TOK_12345678"}', "{}")},
        {"content": "Hi", "tool_calls": [{"function": {"name": "TOK_12345678", "arguments": "{}"}}]},
        {"content": "Hi", "function_call": {"name": "f", "arguments": "TOK_12345678"}},
    ],
)
def test_a_blocked_choice_has_no_calls_and_nothing_that_came_later(fields: dict[str, Any]) -> None:
    result, body = filtered(answer(message(**fields)))

    assert result.blocked
    assert b"TOK_" not in result.body
    assert body["choices"][0]["finish_reason"] == "content_filter"
    assert not body["choices"][0]["message"].keys() & {"tool_calls", "function_call"}
    assert body["choices"][0]["message"]["content"] == ("" if "reasoning" in fields else "Hi")
    assert result.text == (b"" if "reasoning" in fields else b"Hi")


def test_the_model_name_is_the_one_to_be_shown() -> None:
    assert filtered(answer(message("Hi")), model_shown="ours")[1]["model"] == "ours"
    assert filtered(answer(message("Hi")), model_shown="m")[0].body == answer(message("Hi"))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{}", b'{"choices":null,"note":"x"}',
     b"<html>", b'{"choices":{}}', b'{"choices":["x"]}', b'{"choices":[{"message":"x"}]}',
     b'{"choices":[{"index":"x"}]}', b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", b'{"a":NaN}', b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        filtered(body)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": PAN, "type": "server_error"}},
        {"error": "overloaded"},
        {"error": {"message": "overloaded"}, "choices": []},
        {"error": {"message": "overloaded"}, "choices": None},
    ],
)
def test_an_error_with_status_200_is_no_answer(body: dict[str, Any]) -> None:
    with pytest.raises(UpstreamError, match="error in place of an answer") as refusal:
        filtered(dump(body))

    assert PAN not in str(refusal.value)


NUMBER = 4111111111111111


def test_names_that_become_the_same_are_numbered_and_none_is_lost() -> None:
    keys = ["a@b.io", "x", "c@d.io", "[REDACTED:email]_2", "e@f.io"]

    _, body = filtered(answer(message("x", note={key: n for n, key in enumerate(keys)})))

    assert body["choices"][0]["message"]["note"] == {
        "[REDACTED:email]": 0, "x": 1, "[REDACTED:email]_3": 2, "[REDACTED:email]_2": 3, "[REDACTED:email]_4": 4
    }  # fmt: skip


def test_thousands_of_names_take_time_in_proportion_to_them() -> None:
    class Finding(FakeRuleset):
        """Finds something in every name, so that nothing but the naming takes time."""

        def clean(self, texts: Sequence[str], side: Side) -> bool:
            return "@" not in texts[0]

        def scan(self, text: str, side: Side) -> Scan:
            return Scan((), "redact", "[REDACTED:email]")

    def seconds(count: int) -> float:
        value = {"note": {f"a{n}@b.io": n for n in range(count)}}
        start = time.process_time()
        WholeStrings(Finding()).redact_below(value, "note")  # type: ignore[arg-type]
        assert len(value["note"]) == count
        return time.process_time() - start

    # Eight times the names: in proportion they take 8 times as long, by their square 64 times.
    assert min(seconds(16_000) for _ in range(2)) < 24 * min(seconds(2_000) for _ in range(3))
