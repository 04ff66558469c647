"""The limits file: opened, checked and mapped, with byte-range locks which the kernel frees when their owner dies.

Locks belong to the open file (`F_OFD_SETLK`), not to the process, so closing another descriptor of the file does not
drop them. They do not exclude threads of one process from each other: a segment is used from one thread.
"""

import errno
import fcntl
import mmap
import os
import struct
from pathlib import Path
from typing import Self

from . import layout
from .layout import WORD_BYTES, Layout


class SegmentError(Exception):
    """The limits file cannot be used; the message says what to do."""


class Segment:
    """The mapped words of the file, and this worker's place in it. `open` registers, `close` gives the place back."""

    def __init__(self, path: Path, descriptor: int, shape: Layout) -> None:
        self.path = path
        self.layout = shape
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, shape.size_bytes)
        self.words = memoryview(self._map).cast("Q")
        self.closed = False
        self.worker = -1

    @classmethod
    def open(cls, path: Path, fresh: Layout) -> Self:
        """Open the file, made in the shape `fresh` when it is missing, and take a worker's place."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SegmentError(f"{path}: cannot be opened ({error.strerror}); check the state directory.") from error
        try:
            segment = cls._registered(path, descriptor, fresh)
        except OSError as error:
            os.close(descriptor)
            raise SegmentError(f"{path}: {error.strerror}; make room in the state directory.") from error
        except SegmentError:
            os.close(descriptor)
            raise
        segment.reap()
        return segment

    @classmethod
    def _registered(cls, path: Path, descriptor: int, fresh: Layout) -> Self:
        _lock(descriptor, lock_range(0))
        try:
            segment = cls(path, descriptor, _shape(path, descriptor, fresh))
            segment.worker = segment._register()
        finally:
            _lock(descriptor, unlock_range(0))
        return segment

    def close(self) -> None:
        """Leave. What this worker still holds is given back as if it had died."""
        if self.closed:
            return
        self.closed = True
        self._clear(self.worker)
        self.words[self.layout.workers + self.worker] = 0
        self.words.release()
        self._map.close()
        os.close(self.descriptor)

    def reap(self) -> None:
        """Give back what dead workers held. A worker is dead when the lock on its place can be had."""
        places = self.layout.workers
        for index in range(self.words[layout.AT_WORKERS_HIGH]):
            if index != self.worker and self.words[places + index] and self._try_lock(places + index):
                self._clear(index)
                self.words[places + index] = 0
                _lock(self.descriptor, unlock_range(places + index))

    def _register(self) -> int:
        """Take the lowest free place; its lock is held as long as we live."""
        places = self.layout.workers
        for index in range(self.layout.workers_max):
            if not self._try_lock(places + index):
                continue
            if self.words[places + index]:
                self._clear(index)
            self.words[layout.AT_WORKERS_HIGH] = max(self.words[layout.AT_WORKERS_HIGH], index + 1)
            self.words[places + index] = os.getpid()
            return index
        raise SegmentError(f"{self.path}: more than {self.layout.workers_max} workers use it; stop some.")

    def _clear(self, worker: int) -> None:
        """Nothing of a worker is running or reserved any more. Its words have no other writer, so no lock is needed."""
        shape = self.layout
        taken = self.words[shape.directory : shape.slots : 2].tolist()
        for slot, key in enumerate(taken):
            if key:
                self.words[shape.running(slot) + worker] = 0
                self.words[shape.reserved(slot) + worker] = 0

    def _try_lock(self, word: int) -> bool:
        try:
            _lock(self.descriptor, lock_range(word), wait=False)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                return False
            raise
        return True


def lock_range(word: int) -> bytes:
    """`struct flock` of an exclusive lock on one word."""
    return _flock(fcntl.F_WRLCK, word)


def unlock_range(word: int) -> bytes:
    """`struct flock` that gives the lock on one word back."""
    return _flock(fcntl.F_UNLCK, word)


def _flock(kind: int, word: int) -> bytes:
    # l_type, l_whence, l_start, l_len, l_pid, in the machine's own alignment; l_pid must be 0 (fcntl(2)).
    return struct.pack("@hhqqi0q", kind, os.SEEK_SET, word * WORD_BYTES, WORD_BYTES, 0)


def _lock(descriptor: int, flock: bytes, *, wait: bool = True) -> None:
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, flock)


def _shape(path: Path, descriptor: int, fresh: Layout) -> Layout:
    """The shape the file has; a new one is made. The magic comes last, so that a half-made file is made again."""
    head = struct.Struct(f"@{layout.HEADER_WORDS}Q")
    raw = os.pread(descriptor, head.size, 0)
    if raw.strip(b"\0"):
        found = head.unpack(raw.ljust(head.size, b"\0"))
        shape = Layout(found[layout.AT_SLOTS], found[layout.AT_WORKERS])
        whole = os.fstat(descriptor).st_size == shape.size_bytes
        if found[layout.AT_MAGIC] and (found[:2] != (layout.MAGIC, layout.VERSION) or not whole):
            raise SegmentError(f"{path}: is no limits file of this version; delete it, and all limits start anew.")
        if found[layout.AT_MAGIC]:
            return shape
    os.ftruncate(descriptor, 0)
    # Room is taken now: writing to a hole of a full disk through the mapping would end the worker with SIGBUS.
    os.posix_fallocate(descriptor, 0, fresh.size_bytes)
    os.pwrite(descriptor, head.pack(0, layout.VERSION, fresh.slots_max, fresh.workers_max, 0, 0, 0, 0), 0)
    os.pwrite(descriptor, struct.pack("@Q", layout.MAGIC), 0)
    return fresh
