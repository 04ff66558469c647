"""Events are what the WHATWG standard says they are, however the bytes were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.errors import UpstreamProtocolError
from synapse.sse import EVENT_BYTES_MAX, EventReader, data_event


def read(*pieces: bytes) -> list[tuple[bytes | None, bytes]]:
    reader = EventReader()
    return [(event.data, event.rest) for piece in pieces for event in reader.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [(b"a", b"")]),
        (b"data: a\n\ndata: b\n\n", [(b"a", b""), (b"b", b"")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"a", b""), (b"b", b"")]),
        (b"data: a\r\rdata: b\r\r", [(b"a", b""), (b"b", b"")]),
        (b"data: a\r\n\ndata: b\n\r\n", [(b"a", b""), (b"b", b"")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"a", b"")]),
        (b"data:a\n\n", [(b"a", b"")]),
        (b"data:  a\n\n", [(b" a", b"")]),
        (b"data: a\ndata: b\n\n", [(b"a\nb", b"")]),
        (b"data: a\rdata: b\r\r", [(b"a\nb", b"")]),
        (b"data: a\ndata\ndata: b\n\n", [(b"a\n\nb", b"")]),
        (b": keep-alive\n\n", [(None, b": keep-alive")]),
        (b":\n\n", [(None, b":")]),
        (b"event: error\ndata: a\nid: 7\n\n", [(b"a", b"event: error\nid: 7")]),
        (b"data:\n\n", [(None, b"")]),
        (b"\n\n\ndata: a\n\n", [(b"a", b"")]),
        (b"dat: a\n\n", [(None, b"dat: a")]),
        (b"data: a\n\ndata: never dispatched\n", [(b"a", b"")]),
        (b"data: never dispatched", []),
    ],
)
def test_a_stream_is_cut_into_events_in_every_way_of_feeding_it(
    stream: bytes, events: list[tuple[bytes | None, bytes]]
) -> None:
    assert read(stream) == events
    assert read(*(stream[i : i + 1] for i in range(len(stream)))) == events
    for cut in range(len(stream)):
        assert read(stream[:cut], stream[cut:]) == events


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@given(data=st.data())
def test_the_bytes_of_events_are_the_bytes_of_the_stream(end: bytes, data: st.DataObject) -> None:
    blocks = data.draw(st.lists(st.sampled_from([b"data: {}", b": x", b"data: a%sdata: b" % end]), max_size=6))
    stream = b"".join(block + end * 2 for block in blocks)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = EventReader()

    raw = [
        event.raw
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for event in reader.feed(stream[start:stop])
    ]

    assert raw == [block + end * 2 for block in blocks]


def test_an_event_ending_in_a_lone_carriage_return_does_not_wait_for_more() -> None:
    reader = EventReader()

    assert [event.data for event in reader.feed(b"data: a\r\n\r")] == [b"a"]
    assert [event.data for event in reader.feed(b"\ndata: b\r\n\r\n")] == [b"b"]


@pytest.mark.parametrize("pieces", [1, 3, 1024])
def test_an_event_over_the_limit_is_refused(pieces: int) -> None:
    reader = EventReader()
    piece = b"x" * (EVENT_BYTES_MAX // pieces + 1)

    def feed_all() -> None:
        for _ in range(pieces):
            reader.feed(piece)

    with pytest.raises(UpstreamProtocolError, match="event of more than"):
        feed_all()


def test_an_event_over_the_limit_is_refused_also_when_it_comes_at_once() -> None:
    reader = EventReader()
    reader.feed(b"data: a\n\n")

    with pytest.raises(UpstreamProtocolError, match="event of more than"):
        reader.feed(b"data: " + b"x" * EVENT_BYTES_MAX + b"\n\n")


def test_an_event_in_single_bytes_costs_linear_time() -> None:
    # 300,000 feeds; searching the buffer again each time would take minutes.
    reader = EventReader()
    for _ in range(300_000):
        assert reader.feed(b"x") == []


def test_an_own_event_reads_back() -> None:
    assert read(data_event(b"{}")) == [(b"{}", b"")]
    assert read(data_event(b"{}", b"event: a")) == [(b"{}", b"event: a")]
