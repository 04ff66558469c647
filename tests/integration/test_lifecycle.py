"""Start, reload and stop of the gateway under bad conditions: each with real processes."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fixtures_gateway import wait_until


@contextmanager
def starting_gateway(directory: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """`synapse serve` without waiting for it to be ready. What it says is in `out` and `log`."""
    with (directory / "out").open("w") as out, (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "synapse", "serve", "--port", "0", "--workers", "1", *arguments],
            stdout=out,
            stderr=log,
            text=True,
            env={**os.environ, "SYNAPSE_STATE_DIR": str(directory / "state")},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def forked_children(pid: int) -> list[int]:
    """The children that run our own program: workers, and the process that compiles the rules."""
    found = []
    with contextlib.suppress(OSError):
        own = Path(f"/proc/{pid}/cmdline").read_bytes()
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/cmdline").read_bytes() == own:
                    found.append(int(child))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_stop_while_the_rules_compile_leaves_nothing_behind(public_tmp_path: Path) -> None:
    with starting_gateway(public_tmp_path) as process:
        (compiler,) = wait_until(lambda: forked_children(process.pid), timeout_s=20, what="the compiling process")
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        wait_until(lambda: not alive(compiler), what="the end of the compiling process")
