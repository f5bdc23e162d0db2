"""SIGTERM ends a command in good order, and within seconds whatever it is doing."""

import os
import signal
import sys
import threading
import time
from types import FrameType

#: chosen: what a command may take to leave in good order; schedulers kill after 10 s and more.
GRACE_S = 8.0


def install() -> None:
    """Have SIGTERM leave through every `finally`; what does not leave by then is ended."""
    if signal.signal(signal.SIGTERM, _leave) is _leave:
        return  # installed before, in the same process
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    # The interpreter writes there at once, also while the main thread computes in C.
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    threading.Thread(target=_end_after_grace, args=(readable,), daemon=True).start()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """Leave through every `finally`, so that no file is left half-written."""
    sys.exit(128 + signal.SIGTERM)


def _end_after_grace(readable: int) -> None:
    while signal.SIGTERM not in os.read(readable, 1):
        pass
    time.sleep(GRACE_S)
    os._exit(128 + signal.SIGTERM)  # files are whole or not there: they are renamed when whole
