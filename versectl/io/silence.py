"""Keeps from the user what C and C++ libraries print, past Python, to stderr."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class _Stderr:
    """The process's stderr, silent while a block is open in any thread.

    There is one stderr for all threads: if each put back what it had found, one of them would put
    back the silence of another, for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open_blocks = 0
        self._kept = -1

    def silence(self) -> None:
        """Open a block; the first one diverts the stream."""
        with self._lock:
            if self._open_blocks == 0:
                sys.stderr.flush()
                self._kept = os.dup(2)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
            self._open_blocks += 1

    def restore(self) -> None:
        """Close a block; the last one brings the stream back."""
        with self._lock:
            self._open_blocks -= 1
            if self._open_blocks == 0:
                os.dup2(self._kept, 2)
                os.close(self._kept)


_stderr = _Stderr()


@contextmanager
def libraries() -> Iterator[None]:
    """Drop what is written to the process's stderr within the block, unless -v is given."""
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    _stderr.silence()
    try:
        yield
    finally:
        _stderr.restore()
