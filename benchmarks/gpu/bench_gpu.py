"""What a GPU makes of versectl, in one call: answers beside the CPU's, times, precisions, memory.

    make bench-gpu           a minute and a half on one GPU: PyTorch and JAX, what is installed
    make bench-gpu SHORT=1   in small; without a GPU this is what runs, on the CPU

In this order, each part written to OUT as soon as it is measured: the same case on the CPU and by
each engine on the GPU in float32, bfloat16 and float16, cold and warm; networks given several boxes
at once; a batch of 20 scans with more or fewer cases in work at a time; a limit of GPU memory; one
process for two scans beside two processes. What there is no time for is left out; --part names what
to measure.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from benchmarks.gpu import gpu_table
from benchmarks.gpu.gpu_engine import Asked
from benchmarks.speed import bench_case
from benchmarks.speed.bench_case import Size
from benchmarks.speed.engines import cpu_model
from versectl.networks import device
from versectl.networks.engines import choice

ROOT = Path(__file__).parents[2]

#: Engines that use an NVIDIA GPU, in the order in which they are measured: JAX, which compiles for
#: 15 s in each precision, leaves no time for what comes after it.
ENGINES = ("torch", "jax", "tensorflow")

#: chosen: a case, and a scan of the batch, on a GPU; and in small.
CASE, IN_BATCH = bench_case.SIZES[2], bench_case.SIZES[1]
SMALL = Size((64, 64, 64), (128.0, 128.0, 128.0))

#: chosen: scans of a batch, on a GPU and in small.
SCANS, FEW = 20, 2

#: chosen: cases in work at a time in a batch; 0 is one that computes while others are read.
WAYS, FEW_WAYS = (0, 2, 4, 8), (0, 2)

#: Of one process for two scans beside two processes: processes -> cases at a time in each.
SHARED = {1: 2, 2: 1}

#: chosen: seconds kept for what compares processes, and those by which a part may outlast its time.
KEPT_S, LATE_S = 25, 12

#: Parts of an engine on a GPU, and what compares processes in the end.
PARTS, SHARE = ("case", "calls", "batch", "limit"), "share"

#: Parts on a CPU, and the engines that have a limit of GPU memory.
ON_CPU, LIMITED = ("case", "batch", SHARE), ("torch", "tensorflow")

ONLY = "Only this; may be given several times. Default: all."

#: chosen: seconds for all of it, by whether there is a GPU.
SECONDS = {True: 100.0, False: 600.0}

Part = dict[str, Any]


@dataclass
class Bench:
    """What is measured with, until when, and what was found so far.

    work : folder for what only the processes need. parts : of PARTS and SHARE, what to measure.
    """

    out: Path
    work: Path
    end: float
    small: bool
    on_gpu: bool
    scans: Path
    parts: tuple[str, ...] = (*PARTS, SHARE)
    found: list[Part] = field(default_factory=list)

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self.end - time.time()

    @property
    def device(self) -> str:
        """What engines are asked to use."""
        return "gpu" if self.on_gpu else "cpu"

    def add(self, part: Part) -> None:
        """Write all that was found with one part more."""
        self.found.append(part)
        print(json.dumps(part), flush=True)
        (self.out / "bench-gpu.json").write_text(json.dumps(self.found, indent=1))
        (self.out / "bench-gpu.md").write_text(gpu_table.text(self.found))

    def asked(self, engine: str, *parts: str) -> Asked:
        """Everything of an engine, as much as time allows."""
        scan, in_batch = (self.scan(size) for size in self.sizes)
        return Asked(
            engine=engine,
            device=self.device,
            parts=parts,
            scan=str(scan),
            batch=(str(in_batch),) * (FEW if self.small else SCANS),
            reference=str(self.work / "reference.npz"),
            until=self.end,
            precisions=("float32", "bfloat16") if self.small else device.PRECISIONS,
            fast=self.small,
            ways=FEW_WAYS if self.small else WAYS,
        )

    @property
    def sizes(self) -> tuple[Size, Size]:
        """Of the scan of a case, and of those of the batch."""
        return (SMALL, SMALL) if self.small else (CASE, IN_BATCH)

    def scan(self, size: Size) -> Path:
        """Where the scan of a size lies, or will."""
        return self.scans / f"{'x'.join(map(str, size.size_vox))}_ct.nii.gz"


@click.command()
@click.option("--seconds", type=float, help="Time for all of it. Default: 100, on a CPU 600.")
@click.option("--short", is_flag=True, help="In small: a small scan, two precisions, two scans.")
@click.option("--engine", "engines", multiple=True, help="Default: all that are installed.")
@click.option("--part", "parts", multiple=True, type=click.Choice([*PARTS, SHARE]), help=ONLY)
@click.option("--device", "where", type=click.Choice(["auto", "gpu", "cpu"]), default="auto")
@click.option("--scans", type=Path, default=ROOT / "build" / "bench-scans", show_default=True)
@click.option("--out", type=Path, default=ROOT / "build" / "bench-gpu", show_default=True)
def main(
    engines: tuple[str, ...],
    parts: tuple[str, ...],
    short: bool,
    where: str,
    seconds: float | None,
    **at: Path,
) -> None:
    """Measure, and write bench-gpu.json and bench-gpu.md into OUT."""
    on_gpu = device.wants_gpu(where)
    parts = parts or ((*PARTS, SHARE) if on_gpu else ON_CPU)
    if not on_gpu:
        click.echo("No GPU is seen: the CPU takes its place, in small. These are no GPU's figures.")
    for folder in at.values():
        folder.mkdir(parents=True, exist_ok=True)
    end = time.time() + (seconds or SECONDS[on_gpu])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        bench = Bench(at["out"], Path(work), end, short or not on_gpu, on_gpu, at["scans"], parts)
        measure_all(bench, engines or [name for name in ENGINES if choice.is_installed(name)])
    click.echo((bench.out / "bench-gpu.md").read_text())
    sys.exit(gpu_table.is_bad(bench.found))


def measure_all(bench: Bench, engines: Sequence[str]) -> None:
    """Every part, in the order of their weight."""
    bench.add(machine(bench))
    with background(bench):
        for number, engine in enumerate(engines):
            measure(bench, engine, len(engines) - number)
    if SHARE in bench.parts:
        share(bench, engines)


def machine(bench: Bench) -> Part:
    """The card, its driver, and the processor."""
    query = ["nvidia-smi", "-i=0", "--query-gpu=name,driver_version,memory.total"]
    card = ""
    if bench.on_gpu:
        asked = subprocess.run([*query, "--format=csv,noheader"], capture_output=True, text=True)
        card = asked.stdout.strip()
    names = ("keras", "jax", "torch", "numpy", "SimpleITK")
    versions = {name: metadata.version(name) for name in names if choice.is_installed(name)}
    return {
        "part": "machine",
        "date": f"{date.today():%B %Y}",
        "GPU": card,
        "CPU": f"{device.cpu().name}, {cpu_model()}",
        "versions": versions,
        "small": bench.small,
        "scan": bench.sizes[0].size_vox,
        "scans": bench.sizes[1].size_vox,
    }


@contextmanager
def background(bench: Bench) -> Iterator[None]:
    """Scans are drawn, and a case is done on the CPU, while the block runs."""
    threads = [threading.Thread(target=drawn, args=(bench, size)) for size in set(bench.sizes)]
    threads.append(threading.Thread(target=reference, args=(bench,)))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def reference(bench: Bench) -> None:
    """Have the case done on the CPU; an empty file means that there are no results."""
    follow(bench, replace(bench.asked("auto", "reference"), device="cpu"), bench.end)
    (bench.work / "reference.npz").touch()


def drawn(bench: Bench, size: Size) -> None:
    """Draw a scan in a process of its own, unless it is there."""
    path = bench.scan(size)
    if path.exists():
        return
    partial = path.with_name(f"part-{path.name}")
    program = (
        "from pathlib import Path; from benchmarks.speed import bench_case; "
        f"bench_case.draw(bench_case.Size({size.size_vox}, {size.view_mm}), Path({str(partial)!r}))"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
    partial.rename(path)


def measure(bench: Bench, engine: str, engines_left: int) -> None:
    """All parts of an engine in its share of the time."""
    kept_s = KEPT_S if bench.on_gpu and SHARE in bench.parts else 0
    until = time.time() + (bench.left_s - kept_s) / engines_left
    has_limit = engine in LIMITED and bench.on_gpu
    parts = [p for p in PARTS if p in bench.parts and (has_limit or p != "limit")]
    follow(bench, replace(bench.asked(engine, *parts), until=until), until + LATE_S)


def share(bench: Bench, engines: Sequence[str]) -> None:
    """One process for two scans at once, and two processes, by the engine that was quickest."""
    rates = {p["scans"] / p["wall s"]: p["engine"] for p in bench.found if p["part"] == "batch"}
    engine = rates[max(rates)] if rates else engines[0]
    for processes, slots in SHARED.items():
        if bench.left_s < 0:
            return
        together(bench, replace(bench.asked(engine, "batch"), ways=(slots,)), processes)


def together(bench: Bench, asked: Asked, processes: int) -> None:
    """The batch shared by processes that begin at the same time."""
    halves = [replace(asked, batch=asked.batch[n::processes], waits=True) for n in range(processes)]
    until = bench.end + LATE_S
    children = [Child(bench, each, until) for each in halves]
    ready = [child.next("ready") for child in children]
    if all(ready):
        for child in children:
            child.go()
        done = [part for child in children if (part := child.next("batch"))]
        if len(done) == processes:
            bench.add(summed(done) | {"processes": processes})
    for child in children:
        child.end()


def summed(done: Sequence[Part]) -> Part:
    """A batch of what several processes did at the same time."""
    longest = max(done, key=lambda part: part["wall s"])
    sums = {key: sum(part[key] for part in done) for key in ("scans", "network s", "calls")}
    return {**longest, **sums}


def follow(bench: Bench, asked: Asked, until: float) -> None:
    """Have an engine's process measure, and keep what it finds; it is ended when time is over."""
    child = Child(bench, asked, until)
    while part := child.next():
        bench.add(part)
    child.end()
    if child.error:
        name = "late" if child.is_late else "failed"
        bench.add({"part": name, "engine": asked.engine, "error": child.error})


class Child:
    """A process of gpu_engine.py."""

    def __init__(self, bench: Bench, asked: Asked, until: float) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.gpu.gpu_engine"]
        self._until = until
        self._log = bench.work / f"{uuid.uuid4().hex}.log"
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [*command, json.dumps(asdict(asked))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
            env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(bench.work / "jax-cache")},
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def is_late(self) -> bool:
        """Whether its time is over."""
        return time.time() >= self._until

    @property
    def error(self) -> str:
        """Why it did not come to its end; empty if it did."""
        if self._process.returncode == 0:
            return ""
        lines = self._log.read_text().strip().splitlines()
        why = lines[-1] if lines else f"exit code {self._process.returncode}"
        return "no time was left for the rest" if self.is_late else why

    def next(self, name: str | None = None) -> Part | None:
        """The next part that it reports, of a name; None when it has ended or time is over."""
        while True:
            try:
                line = self._lines.get(timeout=max(self._until - time.time(), 0))
            except queue.Empty:
                return None
            part = json.loads(line) if line else None
            if part is None or name in (None, part["part"]):
                return part

    def go(self) -> None:
        """Have it begin what it waits with."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """End it, if it has not ended."""
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        for line in self._process.stdout:
            if line.startswith("{"):
                self._lines.put(line)
        self._lines.put("")


if __name__ == "__main__":
    main()
