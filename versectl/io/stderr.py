"""Hides what C and C++ libraries print to stderr behind Python's back."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

log = logging.getLogger(__name__)


class _Stderr:
    """The process's stderr, diverted while a block is open in any thread.

    There is one stderr for all threads. If each block restored what it had found, a block that
    began while another was open would restore the diversion and leave it so for good. What Python
    itself prints is shown all the same: another thread may have something to tell.
    The copy of the stream is never closed: whoever took `sys.stderr` meanwhile, as a logging
    handler does, would go on writing to its number, which a file of results may have by then.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open_blocks = 0
        self._original: int | None = None
        self._python: TextIO | None = None

    def divert(self) -> None:
        """Open a block; the first one diverts the stream."""
        with self._lock:
            if self._open_blocks == 0:
                sys.stderr.flush()
                original = self._copy()
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
                if _is_stderr(sys.stderr):
                    self._python = sys.stderr
                    sys.stderr = os.fdopen(original, "w", buffering=1, closefd=False)
            self._open_blocks += 1

    def restore(self) -> None:
        """Close a block; the last one restores the stream."""
        with self._lock:
            self._open_blocks -= 1
            if self._open_blocks == 0:
                if self._python is not None:
                    sys.stderr.flush()
                    sys.stderr, self._python = self._python, None
                if self._original is not None:
                    os.dup2(self._original, 2)

    def _copy(self) -> int:
        """The number of the stream's copy, which is always the same."""
        if self._original is None:
            self._original = os.dup(2)
        else:
            os.dup2(2, self._original, inheritable=False)
        return self._original


def _is_stderr(stream: TextIO) -> bool:
    """Whether it writes to the process's stderr; a test's or a notebook's does not."""
    try:
        return stream.fileno() == 2
    except (OSError, ValueError, AttributeError):
        return False


def is_terminal() -> bool:
    """Whether somebody sees the process's stderr as it is written."""
    return sys.stderr is not None and sys.stderr.isatty()


_stderr = _Stderr()


@contextmanager
def suppressed() -> Iterator[None]:
    """Drop what is written to the process's stderr within the block, unless -v is given.

    A process without one, as a service may be, has nothing to drop.
    """
    if sys.stderr is None or log.isEnabledFor(logging.DEBUG):
        yield
        return
    _stderr.divert()
    try:
        yield
    finally:
        _stderr.restore()
