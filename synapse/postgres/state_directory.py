"""The state directory, and the small secrets that are kept in it: nobody but their owner ever reads them."""

import os
import tempfile
from pathlib import Path

from ..startup import StartupError


def make_state_directory(path: Path) -> None:
    """Make it when it is missing; one that is there keeps its mode. Raises OSError.

    Root hands the embedded PostgreSQL to another account, which must pass through the directories above its data but
    need not list them.
    """
    as_root = os.geteuid() == 0
    missing = [directory for directory in (path, *path.absolute().parents) if not directory.exists()]
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        if as_root or directory == path:
            directory.chmod(0o711 if as_root else 0o700)


def read_secret(path: Path) -> str | None:
    """What `write_secret` kept; None when there is nothing. Raises StartupError."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise StartupError(
            f"{path} cannot be read ({reason}): run as the user it belongs to, or restore it."
        ) from error


def write_secret(path: Path, secret: str) -> None:
    """Keep a secret where only its owner reads it: whole or not at all, and still there after a power cut.

    Raises StartupError.
    """
    try:
        fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
        fresh = Path(name)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(secret + "\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StartupError(f"{path} cannot be written ({error.strerror}).") from error
