"""The same batch on Dask: each of its workers has a Worker, and with it one set of models.

    batch --case--> scheduler --> worker --> its process
          <------------ outcome ------------

Only names and paths travel; scans and results stay on the disk that all machines see. A worker
that is lost costs nothing: Dask hands its cases to another.
"""

import asyncio
import logging
import os
import uuid
from collections.abc import Generator, Sequence
from dataclasses import replace

from versectl.batch import case_run
from versectl.batch.job import Job
from versectl.batch.outcome import Outcome
from versectl.batch.worker import Worker, slots
from versectl.errors import ClusterError, SetupError, VersectlError, explain
from versectl.io.layout import Case
from versectl.networks import device

try:
    import dask
    import distributed
except ImportError as error:
    raise ClusterError(
        "Dask is not installed, which --scheduler and --local-workers need: "
        "pip install 'versectl[cluster]'."
    ) from error

log = logging.getLogger(__name__)

#: Lost workers and the like reach the user as outcomes, not as messages of Dask.
logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)

#: A scheduler that does not answer by then is not there.
CONNECT_S = 30

#: chosen: a cluster without a worker for so long may never have one; the user is told.
NO_WORKER_S = 5


class JobPlugin(distributed.WorkerPlugin):
    """Gives every Dask worker, those that join later too, a Worker for one job.

    gpus : the machine's GPUs, one for each local worker in turn; none for a site's workers, which
    see the GPU their site gave them.
    """

    def __init__(self, job: Job, timeout_s: float | None, gpus: Sequence[str] = ()) -> None:
        self.name = f"versectl-{uuid.uuid4().hex}"
        self.job, self.timeout_s, self.gpus = job, timeout_s, gpus
        self.worker: Worker | None = None

    def setup(self, worker: distributed.Worker) -> None:
        """Called on each Dask worker; its process starts with the first case."""
        if self.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.gpus[int(worker.name) % len(self.gpus)]
        self.worker = Worker(self.job, self.timeout_s)

    def teardown(self, worker: distributed.Worker) -> None:
        """Called when the batch ends, or the Dask worker."""
        if self.worker:
            self.worker.close()


def outcomes(
    todo: Sequence[Case], job: Job, timeout_s: float | None, where: str | int
) -> Generator[Outcome, None, None]:
    """What becomes of each case, as they end; `where`: an address, or how many workers.

    Raises ClusterError when no scheduler answers, and what stops every case.
    """
    gpus = device.visible_gpus() if isinstance(where, int) else ()
    job = job.absolute()  # workers are started in folders of their own
    plugin = JobPlugin(job, timeout_s, gpus)
    with _cluster(where, slots(job)) as address, _client(address) as client:
        client.register_plugin(plugin)
        _tell_if_no_worker_comes(client)
        try:
            cases = map(_absolute, todo)
            ours = {client.submit(_do, case, plugin.name, pure=False): case for case in cases}
            for future in distributed.as_completed(ours):
                yield _outcome(future, ours[future], job)
                del ours[future]
        finally:
            client.unregister_worker_plugin(plugin.name)


def _absolute(case: Case) -> Case:
    return replace(case, ct=None if case.ct is None else case.ct.absolute())


def _do(case: Case, plugin: str) -> Outcome:
    """Runs on a worker."""
    ours = distributed.get_worker().plugins[plugin]
    if not isinstance(ours, JobPlugin) or ours.worker is None:
        raise SetupError("this Dask worker has not received the job; restart the workers.")
    return ours.worker.do(case)


def _outcome(future: "distributed.Future[Outcome]", case: Case, job: Job) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, distributed.KilledWorker):
        lost = VersectlError("every worker that was given it was lost; see the workers' logs.")
        return case_run.give_up(case, job, lost)
    if isinstance(error, SetupError):
        raise error
    return case_run.give_up(case, job, explain(error))


def _cluster(where: str | int, slots: int) -> "distributed.LocalCluster | _Existing":
    if isinstance(where, str):
        return _Existing(where)
    dask.config.set({"distributed.worker.daemon": False})  # a Worker's process is a child of theirs
    return distributed.LocalCluster(
        n_workers=where,
        threads_per_worker=slots,
        memory_limit=0,  # the Workers' processes hold the memory, and Dask does not see them
        dashboard_address=":0",  # a free port; None takes 8787, which may be in use
        silence_logs=logging.CRITICAL + 1,
    )


class _Existing:
    """A cluster that runs already and stays."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __enter__(self) -> str:
        return self.address

    def __exit__(self, *_failure: object) -> None:
        """Nothing to close."""


def _tell_if_no_worker_comes(client: distributed.Client) -> None:
    """Log that cases wait for workers; they wait on, for a cluster's jobs can be queued for hours.

    A case's time limit begins when a worker takes it.
    """
    try:
        client.wait_for_workers(1, timeout=NO_WORKER_S)
    except (TimeoutError, asyncio.TimeoutError):  # two things until Python 3.11
        address = client.scheduler_info(n_workers=0)["address"]
        log.warning("waiting for workers at %s; start one with: dask worker %s", address, address)


def _client(address: object) -> distributed.Client:
    try:
        return distributed.Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:  # a time-out is an OSError
        raise ClusterError(
            f"no Dask scheduler answers at {address}; start one with: dask scheduler."
        ) from error
