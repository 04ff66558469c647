"""The passwords of the embedded server's roles: random, made before the server, kept in the state directory.

The socket alone does not tell the gateway from other processes of the account that the server runs as, which under root
may be the shared account `nobody`.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from ..startup import StartupError
from .state_directory import read_secret, write_secret

FILE_NAME = "postgres.passwords"
# 256 bits each: nothing to guess.
PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class ServerPasswords:
    """One for each role. They are safe in a URL and in an SQL literal: letters, digits, - and _."""

    superuser: str
    owner: str
    runtime: str


def read_passwords(state_dir: Path) -> ServerPasswords | None:
    """Raises StartupError when the file is there but of no use."""
    path = state_dir / FILE_NAME
    text = read_secret(path)
    if text is None:
        return None
    lines = text.split("\n")
    if len(lines) != 3 or not all(
        line.replace("-", "").replace("_", "").isalnum() and line.isascii() for line in lines
    ):
        raise StartupError(f"{path} is damaged: restore it from the backup that the database is restored from.")
    return ServerPasswords(*lines)


def make_passwords(state_dir: Path) -> ServerPasswords:
    """New passwords, kept before any server knows them: a crash in between is made good by the next start."""
    made = ServerPasswords(*(secrets.token_urlsafe(PASSWORD_BYTES) for _ in range(3)))
    write_secret(state_dir / FILE_NAME, f"{made.superuser}\n{made.owner}\n{made.runtime}")
    return made
