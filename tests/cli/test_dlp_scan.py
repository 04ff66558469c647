"""`synapse dlp scan`: other programs rely on its output, and nobody may read there what matched."""

import json
import os
import pty
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from synapse.cli import dlp_texts, main
from synapse.dlp import load_default_rules

Command = Callable[..., Result]

CARD = "4111 1111 " + "1111 1111"
KEY = "AKIA" + "IOSFODNN7ABCDEFG"


@pytest.fixture
def scan(clean_environment: None) -> Command:
    """The command with a standard input."""

    def command(*arguments: str | Path, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(main, ["dlp", "scan", *map(str, arguments)], input=stdin)

    return command


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def jsonl(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_the_object_has_exactly_what_is_promised(scan: Command) -> None:
    result = scan("--json", stdin=f"card {CARD}")

    assert json.loads(result.stdout) == {
        "id": "-",
        "findings": [{"rule": "credit_card", "category": "finance", "action": "redact", "start": 5, "end": 24}],
        "action": "redact",
        "redacted": "card [REDACTED:credit_card]",
    }
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "before",
    ["😀😀 ", "e\u0301\u0301 ", "a\r\nb\r\n", "\ufeff", "\u200b\u200b ", "中文字 ", "👩‍👩‍👧 ", "\ud83d "],
    ids=ascii,
)
def test_offsets_are_code_points_of_the_text_as_it_came(scan: Command, before: str) -> None:
    text = f"{before}{CARD}."

    (found,) = lines(scan("--jsonl", stdin=jsonl({"id": 1, "text": text})))[0]["findings"]

    assert text[found["start"] : found["end"]] == CARD


def test_a_match_with_marks_inside_has_the_offsets_of_all_of_it(scan: Command) -> None:
    disguised = "\u0301".join("4111") + CARD[4:]

    (result,) = lines(scan("--jsonl", stdin=jsonl({"id": 1, "text": f"é {disguised} é"})))

    assert (result["findings"][0]["start"], result["findings"][0]["end"]) == (2, 2 + len(disguised))
    assert result["redacted"] == "é [REDACTED:credit_card] é"


def test_line_ends_of_a_file_are_kept(scan: Command, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes(f"a\r\n{CARD}\r\n".encode())

    result = json.loads(scan("--json", path).stdout)

    assert (result["id"], result["redacted"]) == (str(path), "a\r\n[REDACTED:credit_card]\r\n")


def test_several_files_are_one_document(scan: Command, tmp_path: Path) -> None:
    for name, text in (("a", CARD), ("b", "nothing")):
        (tmp_path / name).write_text(text)

    results = json.loads(scan("--json", tmp_path / "a", tmp_path / "b").stdout)

    assert [(result["id"], result["action"]) for result in results] == [
        (str(tmp_path / "a"), "redact"),
        (str(tmp_path / "b"), "none"),
    ]


@pytest.mark.parametrize("id_", ["a", 7, 1.5, True, None, [1, {"x": 2}], {"y": []}, 2**80, "\ud800"], ids=ascii)
def test_an_id_of_any_kind_comes_back(scan: Command, id_: Any) -> None:
    (result,) = lines(scan("--jsonl", stdin=jsonl({"id": id_, "text": "x"})))

    assert result["id"] == id_


def test_lines_are_answered_one_by_one_in_order(scan: Command) -> None:
    texts = ["clean", CARD, "", KEY, "clean"]

    result = scan("--jsonl", stdin=jsonl(*({"id": n, "text": text} for n, text in enumerate(texts))))

    assert [(one["id"], one["action"]) for one in lines(result)] == [
        *((0, "none"), (1, "redact"), (2, "none"), (3, "block"), (4, "none"))
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"{card\n", "it is not JSON"),
        (b'{"id": 1, "text": "open\n', "it is not JSON (Invalid control character at character 24)"),
        (b"[]\n", 'it has no "text"'),
        (b'{"id": 2}\n', 'it has no "text"'),
        (b'{"id": 2, "text": 5}\n', 'its "text" is not a string'),
        (b'{"id": NaN, "text": ""}\n', "it is not JSON"),
        (b"[" * 100_000 + b"\n", "it is not JSON (it is nested too deep)"),
        (b'{"id": ' + b"9" * 5000 + b', "text": ""}\n', "it is not JSON"),
    ],
    ids=lambda value: ascii(value[:12]),
)
def test_a_bad_line_is_said_and_answered_and_the_rest_goes_on(
    scan: Command, tmp_path: Path, bad: bytes, said: str
) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_bytes(jsonl({"id": 1, "text": "x"}).encode() + bad + jsonl({"id": 3, "text": CARD}).encode())

    result = scan("--jsonl", path)

    first, broken, last = lines(result)
    assert (first["id"], last["id"], last["action"]) == (1, 3, "redact")
    assert set(broken) == {"id", "error"}
    assert f"{path}:2: {said}" in broken["error"]
    assert broken["error"] in result.stderr
    assert result.exit_code == 2


def test_an_error_does_not_repeat_the_line(scan: Command) -> None:
    result = scan("--jsonl", stdin=f'{{"id": 1, "text": {CARD}}}\n')

    assert result.exit_code == 2
    assert "1111" not in result.output


def test_empty_lines_are_no_texts(scan: Command) -> None:
    result = scan("--jsonl", stdin='\n{"id": 1, "text": "x"}\r\n\n{"id": 2, "text": "y"}')

    assert [one["id"] for one in lines(result)] == [1, 2]
    assert result.exit_code == 0


def test_what_is_not_utf8_is_replaced_and_said(scan: Command, tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes(b"caf\xe9 " + CARD.encode())

    result = scan("--json", path)

    assert json.loads(result.stdout)["redacted"] == "caf\ufffd [REDACTED:credit_card]"
    assert f"{path}: it is not UTF-8 at byte 3" in result.stderr
    assert result.exit_code == 0


def test_a_line_that_is_not_utf8_is_replaced_and_said(scan: Command) -> None:
    result = scan("--jsonl", stdin=b'{"id": 1, "text": "caf\xe9"}\n')

    assert lines(result)[0]["redacted"] == "caf\ufffd"
    assert "standard input:1: it is not UTF-8" in result.stderr


@pytest.mark.parametrize("how", ["", "--json", "--jsonl"])
def test_the_exit_code_says_that_something_would_be_blocked(scan: Command, how: str) -> None:
    stdin = jsonl({"id": 1, "text": KEY}) if how == "--jsonl" else KEY

    assert scan(*filter(None, [how]), stdin=stdin).exit_code == 1


def test_the_side_decides_what_is_done(scan: Command) -> None:
    result = scan("--json", "--side", "answer", stdin=KEY)

    assert json.loads(result.stdout)["action"] == "redact"
    assert result.exit_code == 0


def test_what_was_encoded_is_decoded_as_the_gateway_does(scan: Command) -> None:
    """In an answer it only alerts: a stream could not have kept it back."""
    text = f"see {b64encode(CARD.encode()).decode()} there"

    prompt, answer = (json.loads(scan("--json", "--side", side, stdin=text).stdout) for side in ("prompt", "answer"))

    assert (prompt["action"], prompt["redacted"]) == ("redact", "see [REDACTED:credit_card] there")
    assert (answer["action"], answer["redacted"]) == ("alert", text)
    assert [finding["rule"] for finding in answer["findings"]] == ["credit_card"]


def test_rules_of_other_packs_are_not_looked_for(scan: Command) -> None:
    stdin = f"{CARD} {KEY}"

    assert json.loads(scan("--json", "--packs", "secrets", stdin=stdin).stdout)["redacted"].startswith(CARD)
    assert KEY in json.loads(scan("--json", "--packs", "core", stdin=stdin).stdout)["redacted"]
    assert len(json.loads(scan("--json", "--packs", "core, secrets", stdin=stdin).stdout)["findings"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--packs", "core,nothere"), "there is no pack nothere; there are:"),
        (("--packs", ","), "no pack is named"),
        (("--policy", "nothere"), "there is no policy 'nothere'; there are: default"),
        (("--policy", "default", "--packs", "core"), "either --policy or --packs"),
        (("--side", "left"), "is not one of"),
    ],
)
def test_a_choice_that_is_not_there_is_refused(scan: Command, arguments: tuple[str, ...], said: str) -> None:
    result = scan(*arguments, stdin="x")

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_a_file_that_cannot_be_read_does_not_end_the_scan(scan: Command, tmp_path: Path) -> None:
    (tmp_path / "there").write_text(CARD)

    result = scan("--json", tmp_path / "missing", tmp_path / "there")

    missing, there = json.loads(result.stdout)
    assert "cannot be read (No such file or directory)" in missing["error"]
    assert there["action"] == "redact"
    assert result.exit_code == 2


@pytest.mark.parametrize("how", ["--json", "--jsonl"])
def test_what_is_too_large_is_said_and_not_scanned_in_part(
    scan: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(dlp_texts, "TEXT_BYTES_MAX", 64)
    path = tmp_path / "large"
    path.write_text(
        jsonl({"id": 1, "text": CARD + "x" * 40}) + ("" if how == "--json" else jsonl({"id": 2, "text": "x"}))
    )

    result = scan(how, path)

    assert "larger than" in lines(result)[0]["error"]
    assert [one["id"] for one in lines(result)[1:]] == ([2] if how == "--jsonl" else [])
    assert result.exit_code == 2


def test_a_line_of_the_very_size_is_scanned(scan: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    line = jsonl({"id": 1, "text": "x"})
    monkeypatch.setattr(dlp_texts, "TEXT_BYTES_MAX", len(line))

    assert [one["id"] for one in lines(scan("--jsonl", stdin=line + line))] == [1, 1]


def test_people_see_places_and_neighbours_but_no_match(scan: Command) -> None:
    result = scan(stdin=f"Dear all,\r\n😀 my card is {CARD}, the key {KEY}\nBye\n")

    assert result.exit_code == 1
    assert "credit_card" in result.stdout
    assert "2:14" in result.stdout
    assert "my card is •••••, the key •••••" in result.stdout
    assert "2 found in 1 of 1 text" in result.stdout
    for part in ("4111", "1111", "AKIA", KEY):
        assert part not in result.output


@pytest.mark.parametrize("between", ["\n\n", " and also "], ids=ascii)
def test_no_match_of_any_rule_is_shown_to_people(scan: Command, monkeypatch: pytest.MonkeyPatch, between: str) -> None:
    monkeypatch.setattr("synapse.cli.dlp_scan.ROWS_MAX", 100_000)
    hits = [hit for rule in load_default_rules() for hit in rule.hits]
    text = between.join(hit.before + hit.text for hit in hits)
    found = json.loads(scan("--json", stdin=text).stdout)["findings"]

    shown = scan(stdin=text).output

    assert len(found) > len(hits) / 2
    for one in found:
        matched = text[one["start"] : one["end"]]
        # What matched here may also stand, unmatched, where a word or a guard is missing; and three digits anywhere.
        assert matched not in shown or text.count(matched) > 1 or len(matched) < 6


def test_the_table_names_the_files(scan: Command, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(CARD)
    (tmp_path / "b.txt").write_text("clean")

    result = scan(tmp_path / "a.txt", tmp_path / "b.txt")

    assert str(tmp_path / "a.txt") in result.stdout
    assert "1 found in 1 of 2 texts" in result.stdout


def test_a_text_does_not_steer_the_terminal(scan: Command) -> None:
    assert "\x1b" not in scan(stdin=f"\x1b[31mred {CARD}").output


def test_a_clean_text_is_said_to_be(scan: Command) -> None:
    assert scan(stdin="hello").stdout == "Nothing found in 1 text, 0.0 KB.\n"


def test_a_text_that_was_not_read_is_not_said_to_be_clean(scan: Command, tmp_path: Path) -> None:
    result = scan(tmp_path / "missing.txt")

    assert (result.exit_code, result.stdout) == (2, "No text was scanned.\n")


def test_a_table_has_an_end(scan: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synapse.cli.dlp_scan.ROWS_MAX", 2)

    result = scan(stdin=f"{CARD}\n" * 5)

    assert "… and 3 more; --json has all of them." in result.stdout
    assert result.stdout.count("credit_card") == 2


def test_each_answer_comes_before_the_next_line_is_asked_for(clean_environment: None) -> None:
    """A program may keep the command running and wait for every answer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "synapse", "dlp", "scan", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ),
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(jsonl({"id": number, "text": CARD}).encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ("<&-", "standard input: it cannot be read (it is closed)"),
        (">&-", "standard output: it cannot be written (it is closed)"),
        ("> /dev/full", "standard output: it cannot be written (No space left on device)"),
        ("| true", "standard output: it cannot be written (Broken pipe)"),
    ],
)
def test_an_input_or_output_that_is_gone_is_no_blocked_text(
    clean_environment: None, tmp_path: Path, shell: str, said: str
) -> None:
    """Exit code 1 says that something would be blocked; a stack of calls says nothing."""
    path = tmp_path / "texts.jsonl"
    path.write_text(jsonl({"id": 1, "text": "clean"}) * 10_000)
    command = f"{sys.executable} -m synapse dlp scan --jsonl {shell if '|' not in shell else ''}"
    given = "" if "<" in shell else f"< {path}"
    script = f"set -o pipefail; {command} {given} {shell if '|' in shell else ''}"

    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)

    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


@pytest.mark.parametrize("large", [True, False])
def test_a_bar_is_for_people_who_wait(clean_environment: None, tmp_path: Path, large: bool) -> None:
    """On standard error, when that is a terminal and the input is large; never in the output."""
    path = tmp_path / "texts.jsonl"
    path.write_text(jsonl({"id": 1, "text": "word " * 500_000 * large}))
    seen, terminal = pty.openpty()
    try:
        process = subprocess.run(
            [sys.executable, "-m", "synapse", "dlp", "scan", "--jsonl", str(path)],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
            check=True,
        )
        os.write(terminal, b"end")
        shown = os.read(seen, 65536)
    finally:
        os.close(terminal)
        os.close(seen)

    assert (b"scanned" in shown) is large
    assert json.loads(process.stdout)["id"] == 1
