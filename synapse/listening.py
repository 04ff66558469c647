"""The address the gateway listens on: found free, claimed for one gateway alone, with a socket on it for each worker.

Workers do not share one socket: the kernel would hand nearly all connections to whichever of them looks first.
"""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .startup import StartupError

# Connections waiting to be accepted, for each worker.
BACKLOG = 4096
# Ports below need a privilege on most systems (Linux: net.ipv4.ip_unprivileged_port_start).
UNPRIVILEGED_PORT_MIN = 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, as the kernel wants to have it said: no names."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]

    @property
    def host(self) -> str:
        return str(self.sockaddr[0])

    @property
    def port(self) -> int:
        return int(self.sockaddr[1])


@dataclass(frozen=True, slots=True)
class Claim:
    """An address that is ours while `holder` is open, in this process or one forked from it."""

    address: Address
    holder: socket.socket

    def worker_socket(self) -> socket.socket:
        """A socket of its own for one worker. It gets connections from when somebody calls `listen` on it."""
        listener = socket.socket(self.address.family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Accepted connections inherit it.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.bind(self.address.sockaddr)
        except OSError:
            listener.close()
            raise
        return listener


def require_free_port(host: str, port: int) -> int:
    """The port, or a free one for port 0. Raises StartupError when it cannot be listened on."""
    return _free_address(host, port).port


@contextmanager
def claimed(host: str, port: int) -> Iterator[Claim]:
    """Keep other gateways from the address. Raises StartupError when one has it, or anybody else.

    The workers' sockets share their port, so another gateway's would join them without an error.
    """
    address = _free_address(host, port)
    # A name in the abstract namespace belongs to one socket, goes with it, and is as wide as the network is: per
    # network namespace, not per file system.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        try:
            holder.bind(f"\0synapse {address.host} {address.port}")
        except OSError as error:
            raise StartupError(_sentence(error, host, port)) from error
        # It may have been taken in between, by a gateway that listens already or by another program.
        _free_address(host, address.port)
        yield Claim(address, holder)


def _free_address(host: str, port: int) -> Address:
    """The first of the host's addresses that can be listened on."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {host}: there is no address of that name ({error.strerror}). "
            "Choose an address of this machine with --host."
        ) from error
    failure: OSError | None = None
    # Of a name such as localhost, people mean the IPv4 address when it has both.
    for family, _, _, _, sockaddr in sorted(found, key=lambda entry: entry[0] != socket.AF_INET):
        try:
            return Address(family, _probe(family, sockaddr))
        except OSError as error:
            failure = failure or error
    assert failure is not None, "getaddrinfo finds something or raises"
    raise StartupError(_sentence(failure, host, port)) from failure


def _probe(family: socket.AddressFamily, sockaddr: tuple[Any, ...]) -> tuple[Any, ...]:
    """The address with its port. It is not shared, unlike the workers' sockets, so that others are noticed."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections of a server that has just stopped do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(sockaddr)
        probe.listen(1)
        return tuple(probe.getsockname())


def _sentence(error: OSError, host: str, port: int) -> str:
    where = f"Cannot listen on {host}:{port} ({error.strerror})"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: stop what uses it, or choose another with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where}: choose an address of this machine with --host."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return (
            f"{where}: choose a port from {UNPRIVILEGED_PORT_MIN} on with --port, or allow this user to use that one."
        )
    return f"{where}."
