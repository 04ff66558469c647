"""What stops a command before it has begun: one sentence for the operator, what is wrong and what cures it."""


class StartupError(Exception):
    """Nothing was half-started; `str(error)` is all that the operator needs to read. It never contains a password."""
