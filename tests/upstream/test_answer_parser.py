"""The parser alone: what it takes, what it refuses, and that the way the bytes are cut makes no difference."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synapse.upstream.limits import ClientLimits
from synapse.upstream.parser import AnswerParser, ProtocolViolation

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LIMITS = ClientLimits(head_bytes_max=400, header_line_bytes_max=200, header_count_max=8, trailer_bytes_max=100)


def parse(*pieces: bytes, bodiless: bool = False, limits: ClientLimits = LIMITS) -> AnswerParser:
    parser = AnswerParser(limits)
    parser.expect(bodiless=bodiless)
    for piece in pieces:
        parser.feed(piece)
    return parser


def singly(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def seen(parser: AnswerParser) -> tuple[object, ...]:
    return parser.status, parser.headers, b"".join(parser.pieces), parser.complete, parser.reusable


WELL_FORMED = {
    "content-length": (OK + b"Content-Type: a/b\r\ncontent-length: 5\r\n\r\nhello", 200, b"hello", True),
    "chunked": (CHUNKED + b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\n\r\n", 200, b"hello", True),
    "trailers": (CHUNKED + b"1\r\nx\r\n0\r\nexpires: never\r\ndigest: 1\r\n\r\n", 200, b"x", True),
    "empty": (OK + b"content-length: 0\r\n\r\n", 200, b"", True),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", 304, b"", True),
    "early hints": (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK + b"content-length: 1\r\n\r\nx",
        200,
        b"x",
        True,
    ),
    "two informational": (b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + OK + b"content-length: 1\r\n\r\nx", 200, b"x", True),
    "unknown informational": (b"HTTP/1.1 199 Soon\r\n\r\n" + OK + b"content-length: 1\r\n\r\nx", 200, b"x", True),
    "connection: close": (OK + b"connection: close\r\ncontent-length: 1\r\n\r\nx", 200, b"x", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", 200, b"x", False),
    "HTTP/1.0 kept alive": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx",
        200,
        b"x",
        True,
    ),
    "no reason phrase": (b"HTTP/1.1 200\r\ncontent-length: 1\r\n\r\nx", 200, b"x", True),
    "upgrade offered": (OK + b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 1\r\n\r\nx", 200, b"x", True),
}


@pytest.mark.parametrize("name", WELL_FORMED)
@pytest.mark.parametrize("cut", [lambda data: [data], singly], ids=["whole", "byte by byte"])
def test_a_well_formed_answer_is_read(name, cut):
    data, status, body, reusable = WELL_FORMED[name]
    parser = parse(*cut(data))
    assert (parser.status, b"".join(parser.pieces), parser.complete, parser.reusable) == (status, body, True, reusable)


@given(data=st.data(), name=st.sampled_from(sorted(WELL_FORMED)))
def test_any_split_of_an_answer_gives_the_same(data, name):
    answer = WELL_FORMED[name][0]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=6)))
    pieces = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True) if a < b]
    assert seen(parse(*pieces)) == seen(parse(answer))


@pytest.mark.parametrize("name", WELL_FORMED)
def test_no_answer_is_whole_before_its_last_byte(name):
    answer = WELL_FORMED[name][0]
    for end in range(len(answer)):
        parser = parse(answer[:end]) if end else parse()
        assert not parser.complete, end
        assert not parser.finish(), end


def test_header_names_are_lower_case_and_values_without_padding():
    parser = parse(OK + b"X-One: \t a b \t\r\nEmpty:\r\nx-one: 2\r\ncontent-length: 0\r\n\r\n")
    assert parser.headers == [(b"x-one", b"a b"), (b"empty", b""), (b"x-one", b"2"), (b"content-length", b"0")]


def test_trailers_are_not_headers():
    assert parse(WELL_FORMED["trailers"][0]).headers == [(b"transfer-encoding", b"chunked")]


def test_headers_of_informational_answers_are_dropped():
    assert parse(WELL_FORMED["early hints"][0]).headers == [(b"content-length", b"1")]


@pytest.mark.parametrize(
    "head", [OK, OK + b"connection: close\r\n", b"HTTP/1.0 200 OK\r\n"], ids=["plain", "close", "HTTP/1.0"]
)
def test_a_body_without_framing_ends_with_the_connection(head):
    parser = parse(head + b"\r\nabc", b"def")
    assert not parser.complete
    assert parser.finish()
    assert (b"".join(parser.pieces), parser.reusable) == (b"abcdef", False)


@pytest.mark.parametrize("framing", [b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b""])
def test_the_answer_to_head_has_no_body_whatever_its_framing(framing):
    parser = parse(OK + framing + b"\r\n", bodiless=True)
    assert (parser.complete, parser.pieces) == (True, [])


def test_the_connection_goes_on_after_the_answer_to_head():
    parser = parse(OK + b"content-length: 5\r\n\r\n", bodiless=True)
    parser.expect(bodiless=False)
    parser.feed(OK + b"content-length: 2\r\n\r\nhi")
    assert (parser.complete, parser.pieces, parser.reusable) == (True, [b"hi"], True)


def test_a_body_after_the_answer_to_head_makes_the_connection_unusable():
    parser = parse(OK + b"content-length: 5\r\n\r\nhello", bodiless=True)
    assert (parser.complete, parser.pieces, parser.reusable) == (True, [], False)


@pytest.mark.parametrize("surplus", [b"x", b" ", b"HTTP/1.1", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"\0"])
@pytest.mark.parametrize("name", ["content-length", "chunked", "no content", "connection: close"])
def test_bytes_after_a_whole_answer_make_the_connection_unusable(name, surplus):
    data, status, body, _ = WELL_FORMED[name]
    parser = parse(data + surplus)
    assert (parser.status, b"".join(parser.pieces), parser.complete) == (status, body, True)
    assert not parser.reusable


VIOLATIONS = {
    "garbage": b"\x16\x03\x01\x02\x00",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP/2 version": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/0.9 version": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status below 100": b"HTTP/1.1 099 OK\r\n\r\n",
    "status above 599": b"HTTP/1.1 600 OK\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "informational with a body": b"HTTP/1.1 103 Early Hints\r\ncontent-length: 3\r\n\r\nabc",
    "both framings": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "both framings, other order": OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "two content-lengths": OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "the same content-length twice": OK + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "a list of content-lengths": OK + b"content-length: 5, 5\r\n\r\nhello",
    "a signed content-length": OK + b"content-length: +5\r\n\r\nhello",
    "a huge content-length": OK + b"content-length: 99999999999999999999999\r\n\r\n",
    "an empty content-length": OK + b"content-length:\r\n\r\n",
    "another transfer coding": OK + b"transfer-encoding: gzip\r\n\r\nabc",
    "another coding before chunked": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked and another coding": OK + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "almost chunked": OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
    "CR inside a value": OK + b"a: b\rc: d\r\ncontent-length: 0\r\n\r\n",
    "NUL inside a value": OK + b"a: b\0c\r\ncontent-length: 0\r\n\r\n",
    "a folded value": OK + b"a: b\r\n c\r\ncontent-length: 0\r\n\r\n",
    "space before the colon": OK + b"content-length : 0\r\n\r\n",
    "space in a name": OK + b"content length: 0\r\n\r\n",
    "no name": OK + b": 0\r\n\r\n",
    "chunk size not hexadecimal": CHUNKED + b"xyz\r\n",
    "chunk size with 0x": CHUNKED + b"0x1\r\na\r\n",
    "negative chunk size": CHUNKED + b"-1\r\n",
    "huge chunk size": CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n",
    "chunk longer than its size": CHUNKED + b"1\r\nab\r\n",
    "chunk ended by LF": CHUNKED + b"1\na\n0\n\n",
    "NUL in a chunk extension": CHUNKED + b"1;\0\r\na\r\n",
    "too many headers": OK + b"a: b\r\n" * 9 + b"\r\n",
    "head too large": OK + (b"a: " + b"b" * 60 + b"\r\n") * 7 + b"\r\n",
    "head without end": OK + b"a: " + b"b" * 500,
    "header line too long": OK + b"a: " + b"b" * 250 + b"\r\n\r\n",
    "informational without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 30,
    "trailers too large": CHUNKED + b"0\r\na: " + b"b" * 120 + b"\r\n\r\n",
    "too many trailers": CHUNKED + b"0\r\n" + b"a: b\r\n" * 20 + b"\r\n",
}


@pytest.mark.parametrize("name", VIOLATIONS)
@pytest.mark.parametrize("cut", [lambda data: [data], singly], ids=["whole", "byte by byte"])
def test_a_violation_is_refused(name, cut):
    with pytest.raises(ProtocolViolation):
        parse(*cut(VIOLATIONS[name]))


@pytest.mark.parametrize(
    "endless", [CHUNKED + b"1;" + b"e" * 50, CHUNKED + b"0\r\nt: " + b"v" * 50], ids=["extension", "trailer"]
)
def test_framing_that_never_ends_is_refused(endless):
    with pytest.raises(ProtocolViolation, match="extensions or trailers"):
        parse(endless, *[b"v" * 40] * 4)


def test_many_small_chunks_do_not_count_as_trailers():
    parser = parse(CHUNKED)
    for _ in range(500):
        for piece in (b"1", b"\r\n", b"x", b"\r\n"):
            parser.feed(piece)
    assert len(parser.pieces) == 500


@pytest.mark.parametrize("name", VIOLATIONS)
def test_the_reason_never_quotes_the_bytes(name):
    data = VIOLATIONS[name].replace(b"a: b", b"a: hunter2")
    with pytest.raises(ProtocolViolation) as caught:
        parse(data)
    assert "hunter2" not in str(caught.value)


@given(st.binary(max_size=200))
@example(b"HTTP/1.0 100\r\n\r\n")
@example(b"HTTP/1.1 103\r\n\r\n")
def test_arbitrary_bytes_are_refused_or_waited_upon_but_never_an_answer(data):
    parser = AnswerParser(LIMITS)
    parser.expect(bodiless=False)
    try:
        parser.feed(data)
    except ProtocolViolation:
        return
    assert parser.status == 0
