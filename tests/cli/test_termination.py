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


TURNED = """
import sys, time
import click
from versectl.cli import main

@main.main.command("busy")
def busy():
    try:
        print("busy", flush=True)
        time.sleep(100)
    except SystemExit:
        raise RuntimeError("release unlocked lock")

main.main(["busy"])
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


def test_what_fails_on_the_way_out_does_not_count():
    assert terminated(TURNED)[0] == 128 + signal.SIGTERM
