"""What a child process of the gateway does first: make sure that it cannot outlive its parent."""

import ctypes
import os
import signal
import sys

# What the parent answers. A child that is forked waits with these until its own answers are in place.
SIGNALS = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_NAME = 15


def die_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send us a signal when our parent dies, however it dies; end now if it has died already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def name_process(name: str) -> None:
    """Have lists of processes show a name of at most 15 bytes; the command line stays the parent's."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()), 0, 0, 0)
