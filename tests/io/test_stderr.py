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


HELD = """
import logging, sys
from versectl.io import stderr
for _ in range(2):
    with stderr.suppressed():
        handler = logging.StreamHandler()
    with open(sys.argv[1], "w") as result:
        handler.stream.write("from a handler\\n")
    print(open(sys.argv[1]).read() == "")
"""


def test_who_took_the_stream_within_the_block_never_writes_into_a_later_file(tmp_path):
    command = [sys.executable, "-c", HELD, str(tmp_path / "result")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert done.stderr.splitlines() == ["from a handler"] * 2


def test_a_process_without_stderr_goes_on():
    code = "from versectl.io import stderr\nwith stderr.suppressed():\n    print('on')"
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(closed, capture_output=True, text=True).stdout == "on\n"
