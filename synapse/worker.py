"""What a worker does before it serves: it must not outlive its parent, and says when it is ready."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import orjson
from blacksheep import Application

from .app import AUDIT_DRAIN_S, Gateway, Prepared, build_app
from .processes import SIGNALS, die_with_parent

GC_YOUNG_MAX = 20_000
# Before the time that open requests have is over: to end what is still open, and have it on record.
END_MARGIN_S = 1.0
# A request that was about to be read when the others were ended is ended in another round.
END_INTERVAL_S = 0.1
# What Granian's event loop waits for while it serves, in its `server/mp.py`.
_SERVING = "_spawn_asgi_lifespan_worker.<locals>._main"
SERVING_POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Birth:
    """What a worker gets from its parent at the fork."""

    parent: int
    ready: Connection
    # Shared by all workers: what each says about DLP policies.
    teller: Connection
    forget: Callable[[], None]


def load_worker(prepared: Prepared, birth: Birth) -> Gateway:
    """Runs in each worker, first of all."""
    _answer_signals()
    die_with_parent(birth.parent, signal.SIGTERM)
    birth.forget()
    app = build_app(prepared, tell=partial(_tell_parent, birth.teller))

    @app.after_start
    async def report(_: Application) -> None:
        _end_in_time(app, prepared.settings.server.stop_timeout_s)
        _when_serving(partial(_tell, birth.ready))

    collect_seldom()
    return app


def collect_seldom() -> None:
    """Spare requests the garbage collector.

    What is built so far lives as long as the worker: no collection needs to look at it again. A request makes few
    cycles but hundreds of objects, so the young generation may grow larger than the default before it is looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG_MAX, 20, 50)


def _tell_parent(teller: Connection, message: Mapping[str, Any]) -> None:
    # A short message goes into a pipe as a whole or not at all. One that is lost is said again, or shows in the log.
    with suppress(OSError):
        teller.send_bytes(orjson.dumps({"pid": os.getpid(), **message}))


def _tell(ready: Connection) -> None:
    ready.send_bytes(b"ready")
    ready.close()


def _when_serving(act: Callable[[], None]) -> None:
    """Once Granian serves: it starts after the application has, and what tells it to stop before that is lost."""
    loop = asyncio.get_running_loop()
    if any(getattr(task.get_coro(), "__qualname__", "").endswith(_SERVING) for task in asyncio.all_tasks(loop)):
        act()
    else:
        loop.call_later(SERVING_POLL_S, _when_serving, act)


def _end_in_time(app: Gateway, stop_timeout_s: float) -> None:
    """On SIGTERM the server lets open requests finish, however long they take. See to it that they end."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_later(stop_timeout_s - min(END_MARGIN_S, stop_timeout_s / 4), end)
        # For a worker whose parent is gone, since nobody would kill it then.
        loop.call_later(stop_timeout_s + AUDIT_DRAIN_S, os._exit, 1)
        # To the server it means the same, and its handler for that one is still in place.
        _when_serving(partial(signal.raise_signal, signal.SIGINT))

    def end() -> None:
        app.end_open_requests()
        loop.call_later(END_INTERVAL_S, end)

    loop.add_signal_handler(signal.SIGTERM, stop)


def _answer_signals() -> None:
    """The parent's handlers came along and would only tell the parent's server, of which this process has a copy.

    Until Granian installs handlers of its own there is nothing to be finished. A reload is the parent's to do.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
