"""The same batch on Dask: every worker has a crew, and with it one set of models.

    batch --case--> scheduler --> worker --> its crew's process
          <------------ outcome ------------

Only names and paths travel; scans and results stay on the disk that all machines see. A worker
that is lost costs nothing: Dask hands its cases to another.
"""

import logging
import os
import uuid
from collections.abc import Iterator, Sequence

from versectl.batch import case as casework
from versectl.batch.case_run import Desk
from versectl.batch.outcome import Outcome
from versectl.batch.worker import SEATS, Crew
from versectl.errors import ClusterError, VersectlError
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

#: What Dask says of lost workers and the like reaches the user as outcomes.
logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)

#: A scheduler that does not answer by then is not there.
CONNECT_S = 30


class Crewed(distributed.WorkerPlugin):
    """Gives every worker, those that join later too, a crew for one batch.

    gpus : of the machine's GPUs those that local workers share out; none for a site's workers,
    which see the GPU their site gave them.
    """

    def __init__(self, desk: Desk, timeout_s: float | None, gpus: Sequence[str] = ()) -> None:
        self.name = f"versectl-{uuid.uuid4().hex}"
        self.desk, self.timeout_s, self.gpus = desk, timeout_s, gpus
        self.crew: Crew | None = None

    def setup(self, worker: distributed.Worker) -> None:
        """Called on each worker; its crew's process starts with the first case."""
        if self.gpus:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.gpus[int(worker.name) % len(self.gpus)]
        self.crew = Crew(self.desk, self.timeout_s)

    def teardown(self, worker: distributed.Worker) -> None:
        """Called when the batch ends, or the worker."""
        self.crew.__exit__()


def outcomes(
    todo: Sequence[Case], desk: Desk, timeout_s: float | None, where: str | int
) -> Iterator[Outcome]:
    """What comes of each case, as they end; `where`: an address, or how many workers.

    Raises ClusterError when no scheduler answers, and what stops every case.
    """
    gpus = device.visible_gpus() if isinstance(where, int) else ()
    plugin = Crewed(desk, timeout_s, gpus)
    with _cluster(where) as address, _client(address) as client:
        client.register_plugin(plugin)
        try:
            ours = {client.submit(_do, case, plugin.name, pure=False): case for case in todo}
            for future in distributed.as_completed(ours):
                yield _outcome(future, ours[future], desk)
                del ours[future]
        finally:
            client.unregister_worker_plugin(plugin.name)


def _do(case: Case, plugin: str) -> Outcome:
    """Runs on a worker."""
    return distributed.get_worker().plugins[plugin].crew.do(case)


def _outcome(future: distributed.Future, case: Case, desk: Desk) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, distributed.KilledWorker):
        told = VersectlError("every worker that was given it was lost; see the workers' logs.")
        return casework.give_up(case, desk, told)
    raise error


def _cluster(where: str | int) -> "distributed.LocalCluster | _There":
    if isinstance(where, str):
        return _There(where)
    dask.config.set({"distributed.worker.daemon": False})  # a crew's process is a child of theirs
    return distributed.LocalCluster(
        n_workers=where,
        threads_per_worker=SEATS,
        memory_limit=0,  # the crews' processes hold the memory, and Dask does not see them
        dashboard_address=None,
        silence_logs=logging.CRITICAL + 1,
    )


class _There:
    """A cluster that is there already and stays."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __enter__(self) -> str:
        return self.address

    def __exit__(self, *_failure: object) -> None:
        """Nothing to close."""


def _client(address: object) -> distributed.Client:
    try:
        return distributed.Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:  # a time-out is an OSError
        raise ClusterError(
            f"no Dask scheduler answers at {address}; start one with: dask scheduler."
        ) from error
