"""`python -m synapse.demo`: prints the base URL it serves, then serves until it is told to stop."""

import argparse
import asyncio
import os
import signal
import socket
import sys

import uvloop

from ..processes import die_with_parent
from .behaviour import DemoOptions
from .server import DemoServer


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.parent_pid is not None:
        die_with_parent(arguments.parent_pid)
    options = DemoOptions(
        first_byte_s=arguments.first_byte_ms / 1000,
        delay_s=arguments.delay_ms / 1000,
        delta_chars=max(arguments.delta_chars, 1),
        story_chars=arguments.story_chars,
        record=arguments.record,
    )
    uvloop.run(_serve(options, arguments))


async def _serve(options: DemoOptions, arguments: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    server = DemoServer(options)
    try:
        sock = socket.socket(fileno=arguments.fd) if arguments.fd is not None else None
        await server.start(host=arguments.host, port=arguments.port, sock=sock)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        sys.exit(f"The demo model server cannot listen on {arguments.host}:{arguments.port}: {reason}.")
    sys.stdout.write(f"{server.base_url}\n")
    sys.stdout.flush()
    await stopping.wait()
    await server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m synapse.demo", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--fd", type=int, help="an inherited socket to serve on, instead of host and port")
    parser.add_argument("--parent-pid", type=int, help="end when this parent process ends")
    parser.add_argument("--first-byte-ms", type=float, default=0, help="pause before each answer")
    parser.add_argument("--delay-ms", type=float, default=0, help="pause before each further delta of a stream")
    parser.add_argument("--delta-chars", type=int, default=4, help="characters in a delta")
    parser.add_argument("--story-chars", type=int, default=409, help="length of a story")
    parser.add_argument("--record", action="store_true", help="serve what was received at /demo/requests")
    return parser


if __name__ == "__main__":
    main()
