"""What C libraries print is hidden, what Python prints is not."""

import subprocess
import sys

NOISY = """
import os, sys, threading
from versectl.io import stderr
with stderr.suppressed():
    os.write(2, b"from C\\n")
    told = threading.Thread(target=lambda: print("from Python", file=sys.stderr))
    told.start()
    told.join()
os.write(2, b"from C again\\n")
print("and Python", file=sys.stderr)
"""


def test_only_what_python_prints_is_shown_within_the_block():
    done = subprocess.run([sys.executable, "-c", NOISY], capture_output=True, text=True)
    assert done.stderr.splitlines() == ["from Python", "from C again", "and Python"]
    assert done.returncode == 0


def test_a_process_without_stderr_goes_on():
    code = "from versectl.io import stderr\nwith stderr.suppressed():\n    print('on')"
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(closed, capture_output=True, text=True).stdout == "on\n"
