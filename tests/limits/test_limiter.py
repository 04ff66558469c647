"""What one worker admits and refuses: windows, budgets, headers, slots. Time is a clock that is set."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse.errors import LimiterUnavailable, LimitExceeded
from synapse.interfaces import Limiter, Ticket
from synapse.limits import SharedLimiter
from synapse.limits.headers import duration
from synapse.limits.layout import AMOUNT_MASK, Layout, in_force, pack, unpack
from synapse.limits.segment import SegmentError
from synapse.policy import Binding, Key, Limits

MIDNIGHT_S = 20_000 * 86_400.0
SMALL = Layout(slots_max=4, workers_max=3)
BINDING = Binding(
    team_id="t",
    team_name="Team",
    purpose="tests",
    system_prompt=None,
    models=frozenset({"echo"}),
    classification="sensitive",
    dlp_policy="default",
)


class SetClock:
    """A clock that shows what it is told."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def a_key(**limits: int) -> Key:
    return Key(str(uuid.uuid4()), "syn_test", b"", BINDING, Limits(**limits))


@pytest.fixture
def clock() -> SetClock:
    return SetClock(MIDNIGHT_S + 12 * 3600)


@pytest.fixture
def limiter(tmp_path: Path, clock: SetClock) -> Iterator[SharedLimiter]:
    limiter = SharedLimiter.open(tmp_path, clock_s=clock)
    yield limiter
    limiter.close()


def admit(limiter: Limiter, key: Key, tokens: int = 10) -> Ticket:
    return limiter.admit(key, tokens_estimate=tokens)


def refused(limiter: Limiter, key: Key, tokens: int = 10) -> LimitExceeded:
    with pytest.raises(LimitExceeded) as caught:
        limiter.admit(key, tokens_estimate=tokens)
    return caught.value


def headers_of(ticket: Ticket) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in ticket.headers}


def test_a_key_without_limits_holds_nothing(limiter: SharedLimiter) -> None:
    ticket = admit(limiter, a_key())
    assert ticket.headers == ()
    ticket.settle(5)


@pytest.mark.parametrize("limit", [0, 1, 2, 50])
def test_exactly_so_many_requests_pass_in_a_minute(limiter: SharedLimiter, clock: SetClock, limit: int) -> None:
    key = a_key(requests_per_minute=limit)
    for _ in range(limit):
        admit(limiter, key).settle(1)
    assert refused(limiter, key).code == "rate_limit_exceeded"
    clock.now_s += 59.9
    refused(limiter, key)
    clock.now_s += 0.1
    if limit:
        admit(limiter, key)


def test_a_minute_tells_what_is_left_of_it(limiter: SharedLimiter, clock: SetClock) -> None:
    clock.now_s += 47.5
    key = a_key(requests_per_minute=2)
    expected = {"x-ratelimit-limit-requests": "2", "x-ratelimit-reset-requests": "13s"}
    assert headers_of(admit(limiter, key)) == {**expected, "x-ratelimit-remaining-requests": "1"}
    assert headers_of(admit(limiter, key)) == {**expected, "x-ratelimit-remaining-requests": "0"}
    error = refused(limiter, key)
    assert error.headers == {**expected, "x-ratelimit-remaining-requests": "0", "retry-after": "13"}
    assert (error.status, error.outcome, error.retryable) == (429, "blocked_limit", True)


def test_running_requests_are_limited_until_they_settle(limiter: SharedLimiter) -> None:
    key = a_key(concurrent_requests=2)
    first, second = admit(limiter, key), admit(limiter, key)
    error = refused(limiter, key)
    assert (error.code, error.headers) == ("rate_limit_exceeded", {"retry-after": "1"})
    first.settle(1)
    first.settle(1)
    third = admit(limiter, key)
    refused(limiter, key)
    second.settle(None)
    third.settle(None)
    admit(limiter, key)


def test_tokens_are_reserved_first_and_charged_as_used(limiter: SharedLimiter) -> None:
    key = a_key(tokens_per_day=100)
    ticket = admit(limiter, key, 60)
    assert headers_of(ticket) == {
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "40",
        "x-ratelimit-reset-tokens": "12h0m0s",
    }
    assert refused(limiter, key, 41).code == "token_budget_exhausted"
    other = admit(limiter, key, 40)
    ticket.settle(5)
    other.settle(15)
    assert headers_of(admit(limiter, key, 80))["x-ratelimit-remaining-tokens"] == "0"


def test_settling_twice_counts_once(limiter: SharedLimiter) -> None:
    key = a_key(tokens_per_day=100)
    ticket = admit(limiter, key, 10)
    for _ in range(3):
        ticket.settle(40)
    admit(limiter, key, 60)
    refused(limiter, key, 1)


def test_unknown_usage_is_not_charged_and_more_than_reserved_is(limiter: SharedLimiter) -> None:
    key = a_key(tokens_per_day=100)
    admit(limiter, key, 100).settle(None)
    admit(limiter, key, 10).settle(150)
    error = refused(limiter, key, 1)
    assert error.headers["x-ratelimit-remaining-tokens"] == "0"


def test_a_refused_request_consumes_nothing_of_any_limit(limiter: SharedLimiter) -> None:
    key = a_key(requests_per_minute=2, concurrent_requests=2, tokens_per_day=100)
    for _ in range(10):
        refused(limiter, key, 101)
    for _ in range(2):
        admit(limiter, key, 50)
    refused(limiter, key, 1)


def test_a_new_day_starts_anew_and_the_old_days_requests_do_not_weigh_on_it(
    limiter: SharedLimiter, clock: SetClock
) -> None:
    key = a_key(tokens_per_day=100)
    clock.now_s = MIDNIGHT_S - 1
    admit(limiter, key, 50).settle(50)
    late = admit(limiter, key, 50)
    clock.now_s = MIDNIGHT_S + 1
    ticket = admit(limiter, key, 60)
    late.settle(50)
    ticket.settle(60)
    admit(limiter, key, 40)
    refused(limiter, key, 1)


def test_a_request_of_several_days_does_not_disturb_the_day_it_ends_on(limiter: SharedLimiter, clock: SetClock) -> None:
    key = a_key(tokens_per_day=100)
    late = admit(limiter, key, 50)
    clock.now_s += 3 * 86_400
    admit(limiter, key, 50).settle(50)
    late.settle(50)
    admit(limiter, key, 50)
    refused(limiter, key, 1)


@pytest.mark.parametrize(("limits", "back_s"), [({"requests_per_minute": 1}, 30), ({"tokens_per_day": 10}, 40_000)])
def test_a_clock_that_is_set_back_gives_no_allowance_twice(
    limiter: SharedLimiter, clock: SetClock, limits: dict[str, int], back_s: float
) -> None:
    clock.now_s = MIDNIGHT_S + 1
    key = a_key(**limits)
    admit(limiter, key).settle(10)
    clock.now_s -= back_s
    refused(limiter, key)


@pytest.mark.parametrize("limits", [{"requests_per_minute": 1}, {"tokens_per_day": 10}])
def test_a_clock_that_was_far_ahead_does_not_block_a_key(
    limiter: SharedLimiter, clock: SetClock, limits: dict[str, int]
) -> None:
    key = a_key(**limits)
    clock.now_s += 400 * 86_400
    admit(limiter, key).settle(10)
    clock.now_s -= 400 * 86_400
    admit(limiter, key)


def test_limits_that_change_hold_at_once(limiter: SharedLimiter) -> None:
    key = a_key(requests_per_minute=5)
    for _ in range(3):
        admit(limiter, key)
    refused(limiter, replace(key, limits=Limits(requests_per_minute=3)))
    admit(limiter, replace(key, limits=Limits(requests_per_minute=4)))


def test_keys_do_not_share(limiter: SharedLimiter) -> None:
    keys = [a_key(requests_per_minute=1) for _ in range(500)]
    for key in keys:
        admit(limiter, key)
    for key in keys:
        refused(limiter, key)


def test_a_restart_keeps_what_was_used_and_gives_back_what_was_running(tmp_path: Path, clock: SetClock) -> None:
    key = a_key(requests_per_minute=3, tokens_per_day=100, concurrent_requests=1)
    before = SharedLimiter.open(tmp_path, clock_s=clock)
    admit(before, key, 10).settle(30)
    open_ticket = admit(before, key, 70)
    before.close()
    open_ticket.settle(70)  # Too late, and harmless.
    after = SharedLimiter.open(tmp_path, clock_s=clock)
    assert headers_of(admit(after, key, 70))["x-ratelimit-remaining-tokens"] == "0"
    refused(after, key, 1)
    after.close()


def test_a_full_directory_refuses_new_keys_and_recovers(tmp_path: Path, clock: SetClock) -> None:
    limiter = SharedLimiter.open(tmp_path, slots_max=8, clock_s=clock)
    keys = [a_key(requests_per_minute=2) for _ in range(8)]
    for key in keys:
        admit(limiter, key)
    newcomer = a_key(requests_per_minute=1)
    for _ in range(2):
        with pytest.raises(LimiterUnavailable) as caught:
            admit(limiter, newcomer)
    assert (caught.value.status, caught.value.code) == (503, "limiter_unavailable")
    admit(limiter, keys[3])
    clock.now_s += 60
    admit(limiter, newcomer)
    refused(limiter, newcomer)
    limiter.close()


def test_a_slot_with_an_open_ticket_is_given_to_nobody(tmp_path: Path, clock: SetClock) -> None:
    limiter = SharedLimiter.open(tmp_path, slots_max=2, clock_s=clock)
    running, reserving = a_key(concurrent_requests=1), a_key(tokens_per_day=10)
    admit(limiter, running)
    admit(limiter, reserving, 0)
    clock.now_s += 86_400 * 3
    with pytest.raises(LimiterUnavailable):
        admit(limiter, a_key(requests_per_minute=1))
    refused(limiter, running)
    limiter.close()


def test_a_key_whose_slot_was_given_away_finds_another(tmp_path: Path, clock: SetClock) -> None:
    """Each worker remembers slots, so it must notice that another one gave one away."""
    first = SharedLimiter.open(tmp_path, slots_max=4, clock_s=clock)
    second = SharedLimiter.open(tmp_path, slots_max=4, clock_s=clock)
    old = [a_key(requests_per_minute=1) for _ in range(4)]
    for key in old:
        admit(first, key)
    clock.now_s += 120
    new = [a_key(requests_per_minute=1) for _ in range(3)]
    for key in new:
        admit(second, key)
    admit(first, old[0])
    for key in [*new, old[0]]:
        refused(first, key)
        refused(second, key)
    with pytest.raises(LimiterUnavailable):
        admit(first, old[1])
    first.close()
    second.close()


def test_more_workers_than_places_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synapse.limits.limiter.Layout", lambda slots_max: SMALL)
    limiters = [SharedLimiter.open(tmp_path) for _ in range(SMALL.workers_max)]
    with pytest.raises(SegmentError, match="more than 3 workers"):
        SharedLimiter.open(tmp_path)
    limiters[1].close()
    SharedLimiter.open(tmp_path).close()
    for limiter in limiters:
        limiter.close()


@pytest.mark.parametrize("content", [b"something else entirely", b"x" * 4096])
def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "limits.bin").write_bytes(content)
    with pytest.raises(SegmentError, match="delete it"):
        SharedLimiter.open(tmp_path)
    assert (tmp_path / "limits.bin").read_bytes() == content


@pytest.mark.parametrize("keep_bytes", [0, 1, 64, 100_000])
def test_a_file_that_was_half_made_is_made_again(tmp_path: Path, keep_bytes: int) -> None:
    """The magic is written last; without it, whatever is there was never in use."""
    SharedLimiter.open(tmp_path).close()
    path = tmp_path / "limits.bin"
    path.write_bytes((b"\0" * 8 + path.read_bytes()[8:])[:keep_bytes])
    limiter = SharedLimiter.open(tmp_path)
    admit(limiter, a_key(requests_per_minute=1))
    limiter.close()


def test_a_directory_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SegmentError, match="check the state directory"):
        SharedLimiter.open(tmp_path / "none")


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    SharedLimiter.open(tmp_path).close()
    assert (tmp_path / "limits.bin").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.01, "1s"), (12, "12s"), (59.2, "1m0s"), (360, "6m0s"), (3599.5, "1h0m0s"), (86_400, "24h0m0s")],
)
def test_durations_are_whole_seconds_rounded_up(seconds: float, text: str) -> None:
    assert duration(seconds).decode() == text


@given(st.integers(0, 60_000_000), st.integers(0, AMOUNT_MASK))
def test_a_word_holds_a_window_and_an_amount(window: int, amount: int) -> None:
    assert unpack(pack(window, amount)) == in_force(pack(window, amount), window) == (window, amount)
    assert pack(window, amount) < 1 << 64


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.integers(0, 60)),
        st.tuples(st.just("settle"), st.integers(0, 120)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 61, 40_000])),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS, st.integers(0, 4), st.integers(0, 3), st.integers(0, 150))
def test_two_workers_decide_like_a_simple_model(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]], rpm: int, running: int, daily: int
) -> None:
    """The law: any order of requests is admitted exactly as plain counters would, whichever worker gets it."""
    clock = SetClock(MIDNIGHT_S + 50)
    path = tmp_path_factory.mktemp("limits")
    workers = [SharedLimiter.open(path, slots_max=4, clock_s=clock) for _ in range(2)]
    key = a_key(requests_per_minute=rpm, concurrent_requests=running, tokens_per_day=daily)
    model = Plain(key.limits, clock)
    tickets: list[tuple[Ticket, tuple[int, int]]] = []
    for number, (action, amount) in enumerate(actions):
        if action == "wait":
            clock.now_s += amount
        elif action == "settle" and tickets:
            ticket, reserved = tickets.pop(amount % len(tickets))
            ticket.settle(amount)
            model.settle(reserved, amount)
        elif action == "admit" and model.fits(amount):
            tickets.append((workers[number % 2].admit(key, tokens_estimate=amount), model.admit(amount)))
        elif action == "admit":
            refused(workers[number % 2], key, amount)
    for worker in workers:
        worker.close()


class Plain:
    """The limits of one key as dictionaries."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits, self.clock = limits, clock
        self.requests: dict[int, int] = {}
        self.used: dict[int, int] = {}
        self.open: list[tuple[int, int]] = []

    def fits(self, tokens: int) -> bool:
        minute, day = int(self.clock()) // 60, int(self.clock()) // 86_400
        reserved = sum(amount for when, amount in self.open if when == day)
        return (
            self.requests.get(minute, 0) < self.limits.requests_per_minute
            and len(self.open) < self.limits.concurrent_requests
            and self.used.get(day, 0) + reserved + max(tokens, 1) <= self.limits.tokens_per_day
        )

    def admit(self, tokens: int) -> tuple[int, int]:
        minute, day = int(self.clock()) // 60, int(self.clock()) // 86_400
        self.requests[minute] = self.requests.get(minute, 0) + 1
        self.open.append((day, max(tokens, 1)))
        return self.open[-1]

    def settle(self, reserved: tuple[int, int], tokens: int) -> None:
        self.open.remove(reserved)
        self.used[reserved[0]] = self.used.get(reserved[0], 0) + tokens
