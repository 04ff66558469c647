"""`python -m loadtests`: a gateway, locust against it for a bounded time, and a verdict as the exit status."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from loadtests.gateway import Gateway, GatewayFailed, gateway
from loadtests.guard import Bounds

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
# More would measure the load generator.
USERS_MAX = 500
SECONDS_MAX = 600


def main() -> int:
    arguments = _parser().parse_args()
    try:
        with gateway(workers=arguments.workers) as running:
            status = _locust(running, arguments)
    except GatewayFailed as error:
        sys.stderr.write(f"load test: {error}\n")
        return 1
    sys.stdout.write("load guard: passed\n" if status == 0 else "load guard: FAILED, the lines above say why\n")
    return 0 if status == 0 else 1


def _locust(running: Gateway, arguments: argparse.Namespace) -> int:
    users, seconds = min(arguments.users, USERS_MAX), min(arguments.seconds, SECONDS_MAX)
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
    command += ["--users", str(users), "--spawn-rate", str(users), "--run-time", f"{seconds}s"]
    command += ["--host", running.url, "--stop-timeout", "5", "--loglevel", "WARNING"]
    environ = {
        **os.environ,
        "LOAD_API_KEY": running.api_key,
        "LOAD_FAILED_RATIO_MAX": str(arguments.failed_ratio),
        "LOAD_OVERHEAD_P95_MS_MAX": str(arguments.overhead_p95_ms),
        "LOAD_FIRST_DELTA_P95_MS_MAX": str(arguments.first_delta_p95_ms),
    }
    return subprocess.run(command, env=environ, cwd=LOCUSTFILE.parents[1], check=False).returncode


def _parser() -> argparse.ArgumentParser:
    bounds = Bounds()
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the gateway")
    parser.add_argument("--failed-ratio", type=float, default=bounds.failed_ratio_max)
    parser.add_argument("--overhead-p95-ms", type=float, default=bounds.overhead_p95_ms_max)
    parser.add_argument("--first-delta-p95-ms", type=float, default=bounds.first_delta_p95_ms_max)
    return parser


if __name__ == "__main__":
    sys.exit(main())
