"""The demo server as a process of its own: it tells its address, and never outlives who started it."""

import os
import select
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def started(*arguments: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "synapse.demo", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    with process:
        try:
            yield process
        finally:
            process.kill()


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.read()


def test_it_prints_its_address_and_stops_when_told() -> None:
    with started("--port", "0") as process:
        base_url = process.stdout.readline().strip()
        assert get(f"{base_url}/models").startswith(b'{"object":"list"')
        process.terminate()
        assert process.wait(5) == 0
        assert process.stderr.read() == ""


def test_it_serves_on_an_inherited_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with started("--fd", str(listener.fileno()), pass_fds=[listener.fileno()]) as process:
            assert process.stdout.readline().strip() == f"http://127.0.0.1:{port}/v1"
            assert get(f"http://127.0.0.1:{port}/health") == b'{"status":"ok"}'


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with started("--port", str(port)) as process:
            assert process.wait(10) == 1
            message = process.stderr.read()
    assert message == f"The demo model server cannot listen on 127.0.0.1:{port}: Address already in use.\n"


STARTS_ONE = """
import os, subprocess, sys
command = [sys.executable, "-m", "synapse.demo", "--parent-pid", str(os.getpid())]
child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline().strip(), flush=True)
child.wait()
"""


def test_it_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTS_ONE], stdout=subprocess.PIPE, text=True) as parent:
        pid, base_url = parent.stdout.readline().split()
        descriptor = os.pidfd_open(int(pid))
        assert get(f"{base_url}/models")
        parent.send_signal(signal.SIGKILL)
        # A pidfd becomes readable when its process has ended.
        assert select.select([descriptor], [], [], 5)[0] == [descriptor]
        os.close(descriptor)


def test_it_does_not_start_when_its_parent_is_gone_already() -> None:
    with started("--parent-pid", "1" if os.getppid() != 1 else "2") as process:
        assert process.wait(10) == -signal.SIGTERM
        assert process.stdout.read() == ""


@pytest.mark.parametrize("option", ["--first-byte-ms", "--delay-ms", "--delta-chars", "--story-chars"])
def test_an_option_that_is_no_number_is_refused(option: str) -> None:
    with started(option, "soon") as process:
        assert process.wait(10) == 2
