"""Which cases of a batch are done, and where."""

from pathlib import Path
from typing import NamedTuple


class Plan(NamedTuple):
    """What the command line says of a batch; what is None is not asked for.

    manifest : a CSV that lists the cases. shard : (i, N), every N-th from the i-th, counted from 1.
    limit : no more than so many. timeout_s : what each may take.
    scheduler : address of a Dask cluster. local_workers : so many processes on this machine.
    """

    manifest: Path | None = None
    shard: tuple[int, int] | None = None
    limit: int | None = None
    timeout_s: float | None = None
    scheduler: str | None = None
    local_workers: int | None = None


#: All cases of the source, one after the other.
EVERYTHING = Plan()
