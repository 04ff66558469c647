"""A gateway of its own for one load test: demo models, fresh state, free port, loopback only."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 40
# What would lead the gateway to somebody's real database or settings.
FOREIGN = ("DATABASE_URL", "PORT", "WEB_CONCURRENCY", "JWT_SECRET", "ADMIN_PASSWORD")


class GatewayFailed(Exception):
    """The gateway did not start."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it is, and a key for its demo models."""

    url: str
    api_key: str
    state_dir: Path


@contextmanager
def gateway(*, workers: int, policies: str | None = None) -> Iterator[Gateway]:
    """Start a gateway and end it afterwards. `policies` is its first policy file, `dlp.toml` in the state directory."""
    command = [sys.executable, "-m", "synapse", "serve", "--demo", "--port", "0", "--workers", str(workers)]
    with tempfile.TemporaryDirectory(prefix="synapse-load-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)  # As root, the embedded PostgreSQL runs as another user.
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SYNAPSE_") and name.removesuffix("_FILE") not in FOREIGN
        }
        state_dir = Path(directory) / "state"
        state_dir.mkdir(mode=0o711)
        if policies is not None:
            (state_dir / "dlp.toml").write_text(policies)
        environ["SYNAPSE_STATE_DIR"] = str(state_dir)
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
        try:
            yield _greeted(process, state_dir)
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _greeted(process: "subprocess.Popen[str]", state_dir: Path) -> Gateway:
    """Read what it says when it is ready; its own error output goes to ours."""
    assert process.stdout is not None
    url = ""
    impatience = Timer(START_TIMEOUT_S, process.kill)
    impatience.start()
    try:
        for line in process.stdout:
            if found := re.search(r"is ready on (http://\S+)", line):
                url = found[1]
            elif found := re.search(r"demo key\s+(syn_\S+)", line):
                return Gateway(url, found[1], state_dir)
    finally:
        impatience.cancel()
    raise GatewayFailed(f"the gateway ended with status {process.wait()} before it was ready")
