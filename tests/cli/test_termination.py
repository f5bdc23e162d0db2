"""SIGTERM ends a command in good order, and at last whatever it is doing."""

import signal
import subprocess
import sys

STUCK = """
import time
from versectl.cli import main
main.GRACE_S = 0.2
main.leave_on_sigterm()
print("stuck", flush=True)
while True:
    try:
        time.sleep(100)
    except SystemExit:
        pass
"""

LEAVING = """
import sys, time
from versectl.cli import main
main.leave_on_sigterm()
try:
    print("busy", flush=True)
    time.sleep(100)
finally:
    print("left", flush=True)
"""


def terminated(code):
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def test_a_command_leaves_in_good_order():
    assert terminated(LEAVING) == (128 + signal.SIGTERM, "left\n")


def test_a_command_that_does_not_leave_is_ended():
    assert terminated(STUCK)[0] == 128 + signal.SIGTERM
