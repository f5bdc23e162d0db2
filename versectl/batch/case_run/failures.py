"""What is said of a case that fails, or whose result is likely wrong."""

import traceback
from pathlib import Path

from versectl.batch import outcome
from versectl.batch.outcome import Outcome
from versectl.errors import FlaggedError, VersectlError
from versectl.io import layout
from versectl.io.case_files import Paths
from versectl.io.layout import Case
from versectl.report import reading


def failure(case: Case, error: VersectlError) -> Outcome:
    """The outcome of a case that failed, with its file in the message."""
    named = _named(error, case)
    details = "".join(traceback.format_exception(error.__cause__ or error))
    line = str(without_folder(named, case))
    return Outcome(case.name, outcome.FAILED, line, error=named, details=details)


def without_folder(error: VersectlError, case: Case) -> VersectlError:
    """The error as logs and reports may state it: without the folders above the case."""
    return type(error)(layout.without_folder(str(error), layout.ct_of(case)))


def with_former(error: VersectlError) -> VersectlError:
    """The error of a case that was finished before, and stays so."""
    line = f"{str(error).removesuffix('.')}; its former results are kept and still count as done."
    former = type(error)(line)
    former.__cause__ = error.__cause__ or error
    return former


def flagged(case: Case, out: Path) -> FlaggedError | None:
    """What the report says of a result that is likely wrong; None where it says no such thing."""
    report = reading.read(Paths(out, case.name).of("report"))
    flags = () if report is None else report.flags
    codes = [flag.code for flag in flags if flag.is_error]
    if not codes:
        return None
    return FlaggedError(
        f"{case.name}: likely wrong ({', '.join(codes)}); its results are written in {out}."
    )


def _named(error: VersectlError, case: Case) -> VersectlError:
    """The error with the case's file in its message."""
    if str(case.ct) in str(error):
        return error
    named = type(error)(f"{case.ct}: {error}")
    named.__cause__ = error.__cause__ or error
    return named
