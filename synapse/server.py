"""The server: Granian's workers under our own supervision.

The parent prepares what workers share and then only supervises: it opens no threads or pools before it forks.
"""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder  # type: ignore[attr-defined]  # defined in its extension
from granian.server import MPServer

from .app import AUDIT_DRAIN_S, Prepared
from .listening import BACKLOG, Claim, claimed, require_free_port
from .policy_keeper import PolicyKeeper
from .processes import SIGNALS
from .startup import StartupError
from .supervisor import Place, Supervisor, Worker
from .worker import Birth, load_worker

__all__ = ["Server", "require_free_port"]

# How long the parts of a request's head may take. Bodies have their own limit, server.body_timeout_s.
HEAD_TIMEOUT_S = 10
# Connections open per worker; idle keep-alive connections count too.
CONNECTIONS_MAX = 16_384
# A change of the policy file is noticed within two of these. A look costs some microseconds.
LOOK_AFTER_INTERVAL_S = 0.05


class Server(MPServer):
    """Granian's workers; when they are started, replaced and ended is not left to it.

    It stops a worker before its successor can serve, and ends the server when workers go on dying.
    """

    def __init__(
        self,
        prepared: Prepared,
        *,
        on_ready: Callable[[], None],
        policies: PolicyKeeper,
        look_after: Callable[[], None] | None = None,
    ) -> None:
        """`look_after` is called many times a second, in the main thread, for what else the parent keeps running."""
        server = prepared.settings.server
        super().__init__(
            "synapse",
            address=server.host,
            port=server.port,
            interface=Interfaces.ASGI,
            workers=server.workers,
            loop=Loops.uvloop,
            # One thread fewer to hand requests over between; what computes is one thread anyway.
            runtime_mode=RuntimeModes.st,
            # HTTP/2 without TLS and websockets are on by default; nothing here speaks them.
            http=HTTPModes.http1,
            websockets=False,
            http1_settings=HTTP1Settings(header_read_timeout=HEAD_TIMEOUT_S * 1000),
            backlog=BACKLOG,
            backpressure=CONNECTIONS_MAX,
            # Below warning it logs a line for each chunk to a client that has gone.
            log_level=LogLevels.warning,
            log_dictconfig=logging_config(prepared.settings.log_level),
        )
        self._prepared = prepared
        self._on_ready = on_ready
        self._policies = policies
        self._look_after = look_after
        self._started = False
        self._claim: Claim | None = None
        self._spawn_target: Any = None
        self._target_loader: Any = None
        self._supervisor = Supervisor(
            server.workers,
            listen=self._listen,
            spawn=self._spawn,
            # A worker ends what is open in time; beyond that it may take as long as its last audit records do.
            stop_timeout_s=server.stop_timeout_s + AUDIT_DRAIN_S,
        )

    def run(self) -> None:
        """Serve until a signal. Raises StartupError when the workers do not come up."""
        with claimed(self.bind_addr, self.bind_port) as self._claim:
            try:
                self.serve(target_loader=partial(load_worker, self._prepared), wrap_loader=False)
            finally:
                self._supervisor.stop()
        if self._supervisor.failures and not self._started:
            raise StartupError("The workers did not start; the lines above say why.")

    # What follows is in place of Granian's own methods of these names.

    def signal_handler_interrupt(self, *_: object, **__: object) -> None:
        self.interrupt_signal = True
        self._supervisor.wake()

    def signal_handler_reload(self, *_: object, **__: object) -> None:
        self.reload_signal = True
        self._supervisor.wake()

    def _init_shared_socket(self) -> None:
        """Each worker has a socket of its own."""
        self._ssp = self._sso = None

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        self._spawn_target, self._target_loader = spawn_target, target_loader
        supervisor = self._supervisor
        while not (supervisor.complete or supervisor.failures or self.interrupt_signal):
            supervisor.attend()
        if supervisor.complete:
            self._started = True
            self._on_ready()

    def _serve_loop(self, *_: object) -> None:
        while self._started and not self.interrupt_signal:
            if self.reload_signal:
                self.reload_signal = False
                self._policies.reread()
                self._supervisor.reload()
            self._supervisor.attend(wait_s=LOOK_AFTER_INTERVAL_S, also=self._policies.channels)
            self._policies.attend(self._supervisor.pids(), forget=partial(self._forget, None))
            if self._look_after is not None:
                self._look_after()

    def _stop_workers(self) -> None:
        self._supervisor.stop()

    def _listen(self) -> socket.socket:
        assert self._claim is not None, "workers are started by run()"
        return self._claim.worker_socket()

    def _spawn(self, place: Place) -> Worker:
        assert place.listener is not None, "the supervisor gives each worker its socket"
        # The worker calls `listen` when its application has started.
        self._shd: Any = SocketHolder(place.listener.fileno(), False, BACKLOG)  # type: ignore[call-arg]  # nor this
        receiver, sender = multiprocessing.Pipe(duplex=False)
        birth = Birth(os.getpid(), sender, self._policies.teller, partial(self._forget, place))
        worker = self._spawn_worker(place.index, self._spawn_target, partial(self._target_loader, birth))
        with sender:
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            try:
                worker.inner.start()
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return Worker(worker.inner, receiver, time.monotonic())

    def _forget(self, own: Place | None) -> None:
        """In a child: let go of what was inherited and is not its own."""
        assert self._claim is not None, "workers are started by run()"
        self._claim.holder.close()
        self._supervisor.forget(own)
        self._policies.forget()


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
