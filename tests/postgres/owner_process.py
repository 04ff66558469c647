"""A process that owns an embedded server, as `synapse serve` does, until standard input ends. It prints DSN and pid.

Started as: python owner_process.py STATE_DIR USE [UID]
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import asyncpg

from synapse.postgres.embedded import EmbeddedPostgres
from synapse.startup import StartupError


async def _import_everything() -> None:
    """Connecting imports more modules, which another account may not be able to read any more."""
    with contextlib.suppress(OSError):
        await asyncpg.connect(host="/nonexistent", user="nobody")


def main() -> int:
    state_dir, use = Path(sys.argv[1]), sys.argv[2]
    if len(sys.argv) > 3:
        asyncio.run(_import_everything())
        os.setgroups([])
        os.setgid(int(sys.argv[3]))
        os.setuid(int(sys.argv[3]))
        os.environ["HOME"] = str(state_dir)
    server = EmbeddedPostgres(state_dir, use="serve" if use == "serve" else "command")
    try:
        print(server.start(), flush=True)
    except StartupError as error:
        print(error, file=sys.stderr)
        return 1
    print(server.pid, flush=True)
    sys.stdin.read()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
