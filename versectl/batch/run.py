"""Many cases: which ones, done how, and what came of them; one's failure costs that case only."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from versectl.batch import case as casework
from versectl.batch import outcome, selection, transaction
from versectl.batch.case_run import Desk
from versectl.batch.outcome import Outcome
from versectl.batch.selection import EVERYTHING, Selection
from versectl.batch.worker import SEATS, Crew
from versectl.errors import PartialFailureError
from versectl.io import layout
from versectl.io.layout import Case

log = logging.getLogger(__name__)

#: How far a case is when a stage begins, of all its time; for the bar only.
BEGINS = {"vertebrae": 0.05, "segmentation": 0.3, "write": 0.9}

#: Told of each step of each case as it begins.
Hear = Callable[[Case, str], None]


def run(source: Path, desk: Desk, plan: Selection = EVERYTHING) -> None:
    """Do the desk's task for the CTs of a file, folder or tree, leaving aside what lies in OUT.

    Raises the failure of a single case as it is, and PartialFailureError when some of many failed.
    What stops every case, missing weights say, ends the batch at once.
    """
    alone = Path(source).is_file() and plan.manifest is None
    table = None if alone else desk.out / outcome.table_name(plan.shard)
    conclude(run_cases(chosen(source, desk.out, plan), desk, plan, table))


def run_cases(
    todo: Sequence[Case], desk: Desk, plan: Selection = EVERYTHING, table: Path | None = None
) -> list[Outcome]:
    """Do the desk's task for these cases, tell of each, and list them in the table."""
    for stage in desk.task.makes:
        desk.models.sha256(stage)  # before anything is begun
    book = outcome.OutcomeTable(table)
    try:
        with (
            Progress(len(todo)) as progress,
            book,
            closing(outcomes(todo, desk, plan, progress.step)) as done,
        ):
            for number, one in enumerate(done, 1):
                progress.over(number)
                tell(one, f"[{number}/{len(todo)}] " if todo[1:] else "")
                book.add(one)
    finally:
        transaction.sweep(desk.out)
    return book.outcomes


def chosen(source: Path, out: Path, plan: Selection) -> list[Case]:
    """The plan's cases, in order of name, or of the manifest."""
    if plan.manifest is None:
        todo = layout.with_ct(source, apart_from=out)
    else:
        todo = selection.read_manifest(plan.manifest, Path(source))
    if plan.shard is not None:
        number, of = plan.shard
        todo = todo[number - 1 :: of]
    return todo[: plan.limit]


def outcomes(todo: Sequence[Case], desk: Desk, plan: Selection, hear: Hear) -> Iterator[Outcome]:
    """What comes of each case, as soon as it is known.

    A single case has no others to protect and is done in this process.
    """
    if plan.scheduler or plan.local_workers:
        from versectl.batch import dask

        return dask.outcomes(todo, desk, plan.timeout_s, plan.scheduler or plan.local_workers)
    if len(todo) == 1 and plan.timeout_s is None:
        return here(todo, desk, hear)
    return crewed(todo, desk, plan.timeout_s, hear)


def here(todo: Sequence[Case], desk: Desk, hear: Hear) -> Iterator[Outcome]:
    """What comes of each case, done in this process."""
    for case in todo:
        yield casework.do(case, desk, partial(hear, case))


def crewed(
    todo: Sequence[Case], desk: Desk, timeout_s: float | None, hear: Hear
) -> Iterator[Outcome]:
    """What comes of each case in a process of its own; one is read while another computes."""
    with ThreadPoolExecutor(SEATS) as threads, Crew(desk, timeout_s, hear) as crew:
        yield from threads.map(crew.do, todo)


def tell(one: Outcome, prefix: str) -> None:
    """Tell of a case in one line, and of what deserves a look; a single failure is told at last."""
    if one.error is None:
        log.info("%s%s: %s", prefix, one.name, one.line)
    elif prefix:
        log.error("%s%s failed: %s", prefix, one.name, one.line)
    if one.details:
        log.debug("%s", one.details)
    for note in one.notes:
        log.info("  look: %s", note)


def conclude(done: Sequence[Outcome]) -> None:
    """End as the outcomes ask: quietly, with a single case's error, or with those of a batch."""
    failed = [one for one in done if one.status == outcome.FAILED]
    if failed and len(done) == 1:
        raise failed[0].error
    if failed:
        names = ", ".join(one.name for one in failed[:5])
        more = f" and {len(failed) - 5} more" if failed[5:] else ""
        raise PartialFailureError(
            f"{len(failed)} of {len(done)} cases failed: {names}{more}; the rest is done."
        )


class Progress:
    """A bar on a terminal; nothing elsewhere, where lines tell enough."""

    def __init__(self, total_cases: int) -> None:
        self.total_cases, self.done = total_cases, 0
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

    def over(self, done: int) -> None:
        """So many cases are over."""
        self.done = done
        self._show("", done)

    def step(self, case: Case, step: str) -> None:
        """A step of a case begins."""
        log.debug("%s: %s", case.name, step)
        self._show(f"{case.name}: {step}", self.done + BEGINS.get(step, 0.0))

    def _show(self, text: str, done: float) -> None:
        if self.bar is not None:
            self.bar.set_description_str(text, refresh=False)
            self.bar.n = done
            self.bar.refresh()
