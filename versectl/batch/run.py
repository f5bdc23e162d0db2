"""Many cases: which ones, done how, and what became of them; a failure costs its case only."""

import logging
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from versectl.batch import case_run, outcome, selection, transaction
from versectl.batch.job import Job
from versectl.batch.outcome import Outcome
from versectl.batch.selection import EVERYTHING, Selection
from versectl.batch.worker import OnCaseStep, Worker, slots
from versectl.errors import BadInputError, FlaggedError, PartialFailureError, VersectlError
from versectl.io import stderr
from versectl.io.layout import Case
from versectl.text import count, first_few
from versectl.types import Flag, Severity

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

#: chosen: how far a case is when a stage begins, of all its time; for the bar only.
BEGINS = {"vertebrae": 0.05, "segmentation": 0.3, "write": 0.9}

#: What the line of a flag begins with, the most severe first; docs/quality.md.
SAID: dict[Severity, str] = {"error": "likely wrong", "warning": "please check", "note": "note"}

#: What becomes of each case, one after the other.
Outcomes = Generator[Outcome, None, None]


def run(sources: Sequence[Path], job: Job, wanted: Selection = EVERYTHING) -> None:
    """Do the job for the CTs of files, folders or trees, leaving aside what lies in OUT.

    Raises the failure of a single case as it is, and PartialFailureError when some of many failed.
    What stops every case, missing weights say, ends the batch at once.
    """
    todo = limited(chosen(sources, job.out, wanted), job, wanted.limit)
    if wanted.dry_run:
        return list_cases(todo, job)
    alone = len(sources) == 1 and sources[0].is_file() and wanted.manifest is None
    table = None if alone else job.out / outcome.table_name(wanted.shard)
    conclude(run_cases(todo, job, wanted, table))


def list_cases(todo: Sequence[Case], job: Job) -> None:
    """Log what would become of each case, and their number; nothing is computed or written.

    Raises OutputError where no case could be written.
    """
    if todo:
        transaction.check_writable(job.out)
    for case in todo:
        log.info("%s: %s", case.name, case_run.forecast(case, job))
    log.info("%s", count(len(todo), "case"))


def run_cases(
    todo: Sequence[Case], job: Job, wanted: Selection = EVERYTHING, table: Path | None = None
) -> list[Outcome]:
    """Do the job for these cases, report each, and list them in the table."""
    for stage in job.command.makes:
        job.models.identity(stage)  # missing weights end the batch before anything is begun
    found = outcome.OutcomeTable(table)
    try:
        with (
            Progress(len(todo)) as progress,
            found,
            closing(outcomes(todo, job, wanted, progress.step)) as done,
        ):
            for number, one in enumerate(done, 1):
                found.add(one)  # before it is reported, so that the table has what was shown
                progress.over(one)
                report(one, f"[{number}/{len(todo)}] " if todo[1:] else "")
    except (KeyboardInterrupt, SystemExit):
        report_interruption(found.outcomes, len(todo))
        raise
    finally:
        transaction.sweep(job.out)
    return found.outcomes


def chosen(sources: Sequence[Path], out: Path, wanted: Selection) -> list[Case]:
    """The selected cases, in order of name, or of the manifest; the limit comes later."""
    if wanted.manifest is None:
        todo = selection.find_cases(sources, out, wanted.series)
    elif len(sources) == 1:
        todo = selection.read_manifest(wanted.manifest, sources[0], wanted.series)
    else:
        raise BadInputError("--manifest goes with one IN, the folder that its paths start from.")
    if wanted.shard is not None:
        number, of = wanted.shard
        todo = todo[number - 1 :: of]
    return todo


def limited(todo: Sequence[Case], job: Job, limit: int | None) -> Sequence[Case]:
    """At most so many cases that are not finished, so that the next run goes on.

    Those that failed before are tried again when no others are left: they may fail for good.
    """
    if limit is None:
        return todo
    found: list[Case] = []
    passed = 0
    for case in _failed_last(todo, job):
        if len(found) == limit:
            break
        if case_run.is_finished(case, job):
            passed += 1
        else:
            found.append(case)
    if passed:
        log.info("%s passed over", count(passed, "finished case"))
    return found


def _failed_last(todo: Sequence[Case], job: Job) -> Iterator[Case]:
    """The cases in order, those that failed before after the others; each looked at when asked."""
    failed = []
    for case in todo:
        if case_run.failed_before(case, job):
            failed.append(case)
        else:
            yield case
    yield from failed


def outcomes(todo: Sequence[Case], job: Job, wanted: Selection, on_step: OnCaseStep) -> Outcomes:
    """What becomes of each case, as they end.

    A single case has no others to protect and is done in this process.
    """
    where = wanted.scheduler or wanted.local_workers
    if where:
        from versectl.batch import dask

        return dask.outcomes(todo, job, wanted.timeout_s, where)
    if len(todo) == 1 and wanted.timeout_s is None:
        return in_this_process(todo, job, on_step)
    return in_a_worker(todo, job, wanted.timeout_s, on_step)


def in_this_process(todo: Sequence[Case], job: Job, on_step: OnCaseStep) -> Outcomes:
    """What becomes of each case, done in this process."""
    for case in todo:
        yield case_run.do(case, job, partial(on_step, case))


def in_a_worker(
    todo: Sequence[Case], job: Job, timeout_s: float | None, on_step: OnCaseStep
) -> Outcomes:
    """What becomes of each case, as they end, done in another process.

    One is read while another computes.
    """
    with ThreadPoolExecutor(slots(job)) as threads, Worker(job, timeout_s, on_step) as worker:
        ours = [threads.submit(worker.do, case) for case in todo]
        try:
            for one in as_completed(ours):
                yield one.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)  # those in work end with the worker


def report(one: Outcome, prefix: str) -> None:
    """Log a case in one line, and what deserves a look; a single failure is shown at the end."""
    if prefix and one.status == outcome.FAILED:
        log.error("%s%s failed: %s", prefix, one.name, one.line)
    elif prefix or one.status not in (outcome.FAILED, outcome.BUSY):
        log.info("%s%s: %s", prefix, one.name, one.line)
    if one.details:
        log.debug("%s", one.details)
    for remark in one.remarks:
        log.info("  %s", remark)
    report_flags(one.flags)


def report_interruption(found: Sequence[Outcome], of: int) -> None:
    """Log how far a batch is that does not go on, and how it will; a single case needs no count."""
    if of < 2:
        return
    failed = sum(one.status == outcome.FAILED for one in found)
    done = sum(one.status in (outcome.DONE, outcome.KEPT) for one in found)
    some = f"{done} of {count(of, 'case')} done" + (f", {failed} failed" if failed else "")
    log.warning("%s; start the same command again to go on.", some)


def report_flags(flags: Sequence[Flag]) -> None:
    """Log what deserves a look, the most severe first."""
    for severity, words in SAID.items():
        for flag in flags:
            if flag.severity == severity:
                log.info("  %s: %s", words, flag.message)


def conclude(done: Sequence[Outcome]) -> None:
    """End as the outcomes ask: quietly, with a single case's error, or with those of a batch.

    Failures come before results that --strict finds likely wrong. A case of a batch that another
    run is processing is no failure; a single one is, for whoever asked for it has no result.
    """
    busy = [one for one in done if one.status == outcome.BUSY]
    if busy and len(done) == 1:
        raise transaction.refusal(busy[0].name)
    if busy:
        some = f"{len(busy)} of {len(done)} cases"
        log.info("%s left to other runs, which are processing them: %s", some, _named(busy))
    failed = [one for one in done if one.status == outcome.FAILED]
    if failed and len(done) == 1:
        raise failed[0].error or VersectlError(failed[0].line)
    if failed:
        rest = "; the rest is done" if failed[: len(done)] != [*done] else ""
        raise PartialFailureError(
            f"{len(failed)} of {len(done)} cases failed: {_named(failed)}{rest}."
        )
    flagged = [one for one in done if one.error is not None]
    if len(done) == 1 and flagged:
        raise flagged[0].error or VersectlError(flagged[0].line)
    if flagged:
        raise FlaggedError(
            f"{len(flagged)} of {len(done)} results are likely wrong: {_named(flagged)}; see the "
            "flags in their reports. All results are written."
        )


def _named(some: Sequence[Outcome]) -> str:
    return first_few(sorted(one.name for one in some))


class Progress:
    """A bar on a terminal; nothing elsewhere, where lines say enough."""

    def __init__(self, total_cases: int) -> None:
        self.total_cases, self.ended, self.kept = total_cases, 0, 0
        self.shares: dict[str, float] = {}  # case in work -> how much of it is done
        self.bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> "Progress":
        if stderr.is_terminal() and log.isEnabledFor(logging.INFO):
            from tqdm import tqdm

            form = "{percentage:3.0f} % {bar:30} {elapsed} elapsed{desc}"
            self.bar = tqdm(total=self.total_cases, bar_format=form, leave=False)
        return self

    def __exit__(self, *_failure: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def over(self, one: Outcome) -> None:
        """A case has ended."""
        self.ended += 1
        self.kept += one.status == outcome.KEPT
        self.shares.pop(one.name, None)
        self._show("")

    def step(self, case: Case, step: str) -> None:
        """A step of a case begins."""
        log.debug("%s: %s", case.name, step)
        share = max(BEGINS.get(step, 0.0), self.shares.get(case.name, 0.0))
        self.shares[case.name] = share
        self._show(f"  {case.name}: {step}")

    @property
    def done(self) -> float:
        """Cases done, those in work by their shares."""
        return self.ended + sum([*self.shares.values()])  # other threads may add to them

    def _show(self, text: str) -> None:
        if self.bar is None:
            return
        self.bar.n = self.done
        left_s = self.left_s(self.bar.format_dict["elapsed"])
        left = "" if left_s is None else f", about {self.bar.format_interval(left_s)} left"
        self.bar.set_description_str(f"{left}{text}", refresh=False)
        self.bar.refresh()

    def left_s(self, elapsed_s: float) -> float | None:
        """Seconds that the other cases will take, if none of them is kept; None until one ended."""
        if not self.kept < self.ended < self.total_cases:
            return None
        return elapsed_s / (self.done - self.kept) * (self.total_cases - self.done)
