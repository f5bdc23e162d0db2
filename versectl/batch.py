"""Many cases, one after the other: a failure costs that case only, and is told and counted."""

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from versectl import cases
from versectl.cases import Case
from versectl.casework import Desk
from versectl.errors import PartialFailureError, SetupError, VersectlError, explain

log = logging.getLogger(__name__)

#: How far a case is when a stage begins, of all its time; for the bar only.
BEGINS = {"vertebrae": 0.05, "segmentation": 0.3, "preview": 0.95}


class Failure(NamedTuple):
    """A case that could not be done, and why."""

    case: Case
    error: VersectlError


def run(source: Path, work: Callable[[Case, Desk], str], desk: Desk) -> None:
    """Do the work for every CT of a file, folder or tree, leaving aside what lies in `out`."""
    todo = cases.with_ct(source, apart_from=desk.out)
    progress = Progress(len(todo))
    run_cases(todo, lambda case: work(case, replace(desk, begin=progress.stage)), progress)


def run_cases(todo: Sequence[Case], work: Callable[[Case], str], progress: "Progress") -> None:
    """Do the work for every case and tell of each in one line.

    Raises the failure of a single case as it is, and PartialFailureError when some of many failed.
    Missing weights end the batch at once: every case needs them.
    """
    failures = []
    with progress:
        for number, case in enumerate(todo, 1):
            progress.case(number - 1, case)
            failure = attempt(case, work, f"[{number}/{len(todo)}] " if todo[1:] else "")
            failures += [failure] if failure else []
    if len(todo) == 1 and failures:
        raise failures[0].error
    if failures:
        names = ", ".join(failure.case.name for failure in failures[:5])
        more = f" and {len(failures) - 5} more" if failures[5:] else ""
        raise PartialFailureError(
            f"{len(failures)} of {len(todo)} cases failed: {names}{more}; the rest is done."
        )


def attempt(case: Case, work: Callable[[Case], str], prefix: str) -> Failure | None:
    """Do the work for one case; the failure if it failed."""
    try:
        log.info("%s%s: %s", prefix, case.name, work(case))
    except SetupError:
        raise
    except Exception as error:
        told = named(explain(error), case)
        if prefix:  # a single case's failure is told where the command ends
            log.error("%s%s failed: %s", prefix, case.name, told)
            log.debug("Details", exc_info=True)
        return Failure(case, told)
    return None


def named(error: VersectlError, case: Case) -> VersectlError:
    """The error with the case's file in its message."""
    if str(case.ct) in str(error):
        return error
    told = type(error)(f"{case.ct}: {error}")
    told.__cause__ = error
    return told


class Progress:
    """A bar on a terminal; nothing elsewhere, where lines tell enough."""

    def __init__(self, total_cases: int) -> None:
        self.total_cases = total_cases
        self.before, self.name = 0, ""
        self.bar = None

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            from tqdm import tqdm

            form = "{percentage:3.0f} % {bar:30} {elapsed} gone, {remaining} left  {desc}"
            self.bar = tqdm(total=self.total_cases, bar_format=form, leave=False)
        return self

    def __exit__(self, *_failure: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def case(self, before: int, case: Case) -> None:
        """A case begins; so many before it are over."""
        self.before, self.name = before, case.name
        self._show(case.name, before)

    def stage(self, stage: str) -> None:
        """A stage of the present case begins."""
        log.debug("%s: %s", self.name, stage)
        self._show(f"{self.name}: {stage}", self.before + BEGINS.get(stage, 0.0))

    def _show(self, text: str, done: float) -> None:
        if self.bar is not None:
            self.bar.set_description_str(text, refresh=False)
            self.bar.n = done
            self.bar.refresh()
