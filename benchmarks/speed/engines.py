"""Seconds that each installed engine needs to start and to answer, each in a process of its own.

    python -m benchmarks.speed.engines [--rounds 2] [--precision float32]

The default networks on one box of their usual size, on the CPU. CPU seconds are those of all
threads (user and system): they hardly depend on what else the machine does, wall seconds do. Rounds
are interleaved, the least of each figure is shown. ONEDNN_MAX_CPU_ISA=AVX2 in the environment
keeps TensorFlow from using what a CPU has beyond AVX2; whether OpenVINO obeys it was not found out.
"""

import json
import subprocess
import sys
from pathlib import Path

import click
import numpy as np

from benchmarks import markdown
from benchmarks.clock import Clock, memory_kb
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
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "benchmarks.speed.engines",
        "--one",
        engine,
        precision,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def times(engine: str, precision: str) -> dict[str, float]:
    """CPU and wall seconds: import, load, first call of all networks, later calls; peak memory."""
    from versectl.networks import device
    from versectl.networks.loading import Models

    device.set_environment()
    clock = Clock()
    with clock.running("import"):
        from versectl.networks.engines import choice

        choice.prepare(engine, "cpu", precision)
    with clock.running("load"):
        models = Models(engine=engine, device="cpu", precision=precision)
        loaded = {stage: models.model(stage) for stage in STAGES}
    rng = np.random.default_rng(1)
    for stage, model in loaded.items():
        shape = (*model.config.size_vox[::-1], model.config.network.inputs)
        seen = rng.normal(size=shape).astype(np.float32)
        clock.timed(f"{stage} first", model.answer)(seen)
        for _ in range(CALLS):
            clock.timed(stage, model.answer)(seen)
    spent = {part: clock.least(part) for part in clock.parts}
    walls = {f"{part} wall": each.wall_s for part, each in spent.items()}
    cpus = {f"{part} cpu": each.cpu_s for part, each in spent.items()}
    return walls | cpus | {"memory GB": memory_kb() / 1e6}


def cpu_model() -> str:
    """What the CPU calls itself."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")


def table(rows: dict[tuple[str, str], dict[str, float]]) -> str:
    """The rows as Markdown: CPU seconds, wall seconds in brackets."""
    columns = ("import", "load", "first calls", "spine", "vertebrae", "segmentation")
    lines = markdown.head(["Engine", "Precision", *columns, "Memory GB"])
    for (engine, precision), found in rows.items():
        for clock in ("cpu", "wall"):
            extra = (found[f"{s} first {clock}"] - found[f"{s} {clock}"] for s in STAGES)
            found[f"first calls {clock}"] = sum(extra)
        cells = [f"{found[f'{c} cpu']:.2f} ({found[f'{c} wall']:.2f})" for c in columns]
        lines.append(markdown.row([engine, precision, *cells, f"{found['memory GB']:.1f}"]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
