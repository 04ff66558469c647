"""The workers: Granian, set up so that one dead worker is replaced, a stop is bounded, and nothing outlives the parent.

The parent prepares what workers share and then only supervises: it opens no sockets, threads or pools before it forks.
"""

import gc
import http.client
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from .app import Prepared, build_app
from .processes import die_with_parent
from .startup import StartupError

logger = logging.getLogger("synapse.server")

# How long the parts of a request's head may take. Bodies have their own limit, server.body_timeout_s.
HEAD_TIMEOUT_S = 10
# Connections waiting to be accepted, and those open per worker; idle keep-alive connections count too.
BACKLOG = 4096
CONNECTIONS_MAX = 16_384
# A replaced worker takes over at once: there is nothing to wait for.
RESPAWN_INTERVAL_S = 0.1
# A worker that dies again this soon is in a crash loop; its next start waits as long, so that the loop costs nothing.
CRASH_LOOP_S = 5.0
CRASH_LOOP_PAUSE_S = 1.0
READY_TIMEOUT_S = 30.0
# Granian's threads hand the GIL over for every request; the default of 5 ms is a thousand times too long for that.
SWITCH_INTERVAL_S = 0.0005
GC_YOUNG_MAX = 20_000


class Server(MPServer):
    """Granian with our supervision: says when it is ready, ends when it cannot start, survives a crash loop."""

    def __init__(self, prepared: Prepared, *, on_ready: Callable[[], None]) -> None:
        server = prepared.settings.server
        super().__init__(
            "synapse",
            address=server.host,
            port=server.port,
            interface=Interfaces.ASGI,
            workers=server.workers,
            loop=Loops.uvloop,
            # HTTP/2 without TLS and websockets are on by default; nothing here speaks them.
            http=HTTPModes.http1,
            websockets=False,
            http1_settings=HTTP1Settings(header_read_timeout=HEAD_TIMEOUT_S * 1000),
            backlog=BACKLOG,
            backpressure=CONNECTIONS_MAX,
            respawn_failed_workers=True,
            respawn_interval=RESPAWN_INTERVAL_S,
            # Without it one long stream would keep the gateway from stopping.
            workers_kill_timeout=max(1, round(server.stop_timeout_s)),
            # Below warning it logs a line for each chunk to a client that has gone.
            log_level=LogLevels.warning,
            log_dictconfig=logging_config(prepared.settings.log_level),
        )
        self._prepared = prepared
        self._on_ready = on_ready
        self._failed_to_start = False

    def run(self) -> None:
        """Serve until a signal. Raises StartupError when the workers do not come up."""
        self.serve(target_loader=partial(_load_worker, self._prepared, os.getpid()), wrap_loader=False)
        if self._failed_to_start:
            raise StartupError("The workers did not start; the lines above say why.")

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        super()._spawn_workers(spawn_target, target_loader)  # type: ignore[no-untyped-call]  # Granian's is not typed
        if self._becomes_ready():
            self._on_ready()
        elif not self.interrupt_signal:
            self._failed_to_start = True
            self.signal_handler_interrupt()  # type: ignore[no-untyped-call]  # likewise

    def _becomes_ready(self) -> bool:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline and not self.interrupt_signal and not self.interrupt_children:
            if _is_ready(self.bind_addr, self.bind_port):
                return True
            time.sleep(0.02)
        return False

    def _respawn_workers(self, workers: Sequence[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        now = time.monotonic()
        if not self.reload_signal and any(now - self.wrks[index].birth < CRASH_LOOP_S for index in workers):
            logger.critical("a worker died again within %.0f seconds of its start", CRASH_LOOP_S)
            time.sleep(CRASH_LOOP_PAUSE_S)
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        # Granian would end the server when one of these dies again soon.
        self.respawned_wrks.clear()


def logging_config(level: str) -> dict[str, Any]:
    """One line an event, on standard error: standard output is for what the command says."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {"_granian": {"handlers": ["stderr"], "propagate": False}},
    }


def require_free_port(host: str, port: int) -> int:
    """The port, or a free one for port 0. Raises StartupError when it cannot be listened on.

    The workers' own sockets share their port (SO_REUSEPORT), so they would not notice another server there.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            # Connections of a server that has just stopped do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {host}:{port} ({error.strerror}): stop what uses it, or choose another with --port."
        ) from error


def _load_worker(prepared: Prepared, parent: int) -> Any:
    """Runs in each worker, first of all."""
    die_with_parent(parent, signal.SIGTERM)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    app = build_app(prepared)
    # What is built now lives as long as the worker: no collection needs to look at it again. A request makes few
    # cycles but hundreds of objects, so the young generation may grow larger than the default before it is looked at.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG_MAX, 20, 50)
    return app


def _is_ready(host: str, port: int) -> bool:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # where "everywhere" is reached
    connection = http.client.HTTPConnection(address, port, timeout=1)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
