"""Seconds that each installed engine needs to start and to answer, each in a process of its own.

    python benchmarks/engines.py [--rounds 2] [--precision float32]

The default networks on one box of their usual size, on the CPU. CPU seconds are those of all
threads (user and system): they hardly depend on what else the machine does, wall seconds do. Rounds
are interleaved, the least of each figure is shown. ONEDNN_MAX_CPU_ISA=AVX2 in the environment
keeps TensorFlow from using what a CPU has beyond AVX2; whether OpenVINO obeys it was not found out.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import click
import numpy as np

from versectl.config import STAGES

#: chosen: what is timed after the first call, the least of so many.
CALLS = 3


@click.command()
@click.option("--rounds", default=2, show_default=True, help="Processes per engine and precision.")
@click.option("--precision", "wanted", multiple=True, help="Default: float32 and the fastest.")
@click.option("--one", nargs=2, help="Time this engine and precision here, and print JSON.")
def main(rounds: int, wanted: tuple[str, ...], one: tuple[str, str] | None) -> None:
    """Print a table, one row per engine and precision."""
    if one:
        click.echo(json.dumps(times(*one)))
        return
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for _ in range(rounds):
        for engine, precision in installed(wanted):
            found = in_a_process(engine, precision)
            best = rows.setdefault((engine, precision), found)
            rows[engine, precision] = {key: min(found[key], best[key]) for key in found}
    click.echo(table(rows))


def installed(wanted: tuple[str, ...]) -> list[tuple[str, str]]:
    """Engines with the precisions to time; PyTorch has float32 alone on a CPU."""
    from versectl.networks import device
    from versectl.networks.engines import choice

    fastest = device.best_precision(None, device.cpu_flags())
    precisions = wanted or sorted({"float32", fastest})
    engines = [name for name in choice.TITLES if choice.is_installed(name)]
    return [(e, p) for e in engines for p in precisions if (e, p) != ("torch", "bfloat16")]


def in_a_process(engine: str, precision: str) -> dict[str, float]:
    """What times() gives, measured in a new process."""
    command = [sys.executable, "-W", "ignore", __file__, "--one", engine, precision]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def times(engine: str, precision: str) -> dict[str, float]:
    """CPU and wall seconds: import, load, first call of all networks, later calls; peak memory."""
    from versectl.networks import device
    from versectl.networks.loading import Models

    device.set_environment()
    clock = Clock()
    from versectl.networks.engines import choice

    choice.prepare(engine, "cpu", precision)
    clock.lap("import")
    models = Models(engine=engine, device="cpu", precision=precision)
    loaded = {stage: models.model(stage) for stage in STAGES}
    clock.lap("load")
    rng = np.random.default_rng(1)
    for stage, model in loaded.items():
        shape = (*model.config.size_vox[::-1], model.config.network.inputs)
        seen = rng.normal(size=shape).astype(np.float32)
        model.answer(seen)
        clock.lap(f"{stage} first")
        for _ in range(CALLS):
            model.answer(seen)
            clock.lap(stage)
    return {**clock.seconds, "memory GB": memory_gb()}


class Clock:
    """Wall and CPU seconds of the laps of this process; of laps of one name the shortest."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._wall, self._cpu = perf_counter(), cpu_s()

    def lap(self, name: str) -> None:
        """A lap ends, the next begins."""
        wall, cpu = perf_counter(), cpu_s()
        for key, spent in ((f"{name} wall", wall - self._wall), (f"{name} cpu", cpu - self._cpu)):
            self.seconds[key] = min(spent, self.seconds.get(key, spent))
        self._wall, self._cpu = wall, cpu


def cpu_s() -> float:
    """CPU seconds of this process so far, all threads, user and system."""
    times = os.times()
    return times.user + times.system


def memory_gb() -> float:
    """The most memory this process has held."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e6


def cpu_model() -> str:
    """What the CPU calls itself."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")


def table(rows: dict[tuple[str, str], dict[str, float]]) -> str:
    """The rows as Markdown: CPU seconds, wall seconds in brackets."""
    columns = ("import", "load", "first calls", "spine", "vertebrae", "segmentation")
    lines = [
        "| Engine | Precision | " + " | ".join(columns) + " | Memory GB |",
        "|" + "---|" * (len(columns) + 3),
    ]
    for (engine, precision), found in rows.items():
        for clock in ("cpu", "wall"):
            extra = (found[f"{s} first {clock}"] - found[f"{s} {clock}"] for s in STAGES)
            found[f"first calls {clock}"] = sum(extra)
        cells = [f"{found[f'{c} cpu']:.2f} ({found[f'{c} wall']:.2f})" for c in columns]
        row = " | ".join([engine, precision, *cells, f"{found['memory GB']:.1f}"])
        lines.append(f"| {row} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
