"""The command line: its commands, its exit codes, and how it speaks."""

import atexit
import gc
import logging
import os
import signal
import sys
import threading
import time
from types import FrameType

import click

from versectl.cli.commands import (
    challenge,
    doctor,
    evaluate,
    predict,
    relabel,
    report,
    results,
    train,
    weights,
)
from versectl.errors import explain
from versectl.networks import device
from versectl.text import printable
from versectl.version import __version__

log = logging.getLogger("versectl")

#: chosen: what a command may take to leave in good order; schedulers kill after 10 s and more.
GRACE_S = 8.0

#: The exit code after SIGTERM.
TERMINATED = 128 + signal.SIGTERM

#: Set once SIGTERM has come.
_LEAVING = threading.Event()

#: What is said when a command does not go on.
KEPT = "What was finished is kept; no file is half-written."


class Main(click.Group):
    """Shows every failure as one line and ends with its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; the only place that turns exceptions into exit codes."""
        leave_on_sigterm()
        atexit.register(gc.freeze)  # or Python would look through all that Keras made, repeatedly
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            click.echo(f"Interrupted. {KEPT}", err=True)
            ctx.exit(128 + signal.SIGINT)
        except SystemExit as left:
            if left.code == TERMINATED:
                click.echo(f"Terminated. {KEPT}", err=True)
            raise
        except Exception as error:
            if _LEAVING.is_set():  # SIGTERM came where something else was made of it
                click.echo(f"Terminated. {KEPT}", err=True)
                ctx.exit(TERMINATED)
            explained = explain(error)
            log.debug("Details", exc_info=True)
            click.echo(f"Error: {printable(str(explained))}", err=True)
            ctx.exit(explained.exit_code)


class Echo(logging.Handler):
    """Shows information on stdout, warnings and errors on stderr, above the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        write = sys.modules["tqdm"].tqdm.write if "tqdm" in sys.modules else click.echo
        shown = "\n".join(map(printable, self.format(record).splitlines()))
        write(shown, sys.stderr if record.levelno > logging.INFO else sys.stdout)


@click.group(
    cls=Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="versectl")
def main() -> None:
    """Find, name and segment every vertebra in a CT.

    IN is one CT (NIfTI, NRRD, MetaImage, or a DICOM folder or zip), a folder of CTs, or a
    VerSe/BIDS tree; several may be given. All results are written into the folder OUT as
    <case>_..., where <case> is the file name without its ending and without a final _ct or, for
    DICOM, made of folder names: IN/anna/CT is anna_CT. Finished cases are skipped. -i IN -o OUT is
    the same as IN OUT. Every option can also be set in the environment: --device is
    VERSECTL_DEVICE.

    \b
      versectl run-all scans/ results/ --preview   find, name and segment
      versectl report results/ --ct scans/         look at the results

    \b
    Exit codes: 0 done; 1 internal error; 2 wrong usage; 3 bad input; 4 some
    cases failed and the others are done, a case exceeded --timeout-s, or
    --strict or --fail-below is not met; 5 out of memory; 6 weights missing or
    damaged.
    """
    log.handlers = [Echo()]
    log.setLevel(logging.INFO)
    device.set_environment()


def leave_on_sigterm() -> None:
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
    _LEAVING.set()
    sys.exit(TERMINATED)


def _end_after_grace(readable: int) -> None:
    while signal.SIGTERM not in os.read(readable, 1):
        pass
    time.sleep(GRACE_S)
    os._exit(TERMINATED)  # files are whole or not there: they are renamed when whole


for _command in (
    *(predict.localize_spine, predict.localize_vertebrae, predict.segment, predict.run_all),
    *(results.preview, results.export_results, relabel.relabel),
    *(results.series, results.status, results.collect),
    *(train.synth, train.train, train.cross_validate),
    *(report.report, report.view),
    *(evaluate.evaluate, evaluate.rank),
    *(challenge.challenge, challenge.serve_challenge),
    *(weights.weights, doctor.doctor),
):
    main.add_command(_command)
