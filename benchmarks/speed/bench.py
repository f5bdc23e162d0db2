"""What this machine can do, what the networks make of it, and what a case costs.

    make bench           all sizes up to 512 x 512 x 1400, published networks: some seven minutes
    make bench SHORT=1   up to 512 x 512 x 300, published networks on an eighth of their boxes

Writes evaluation/results/bench.md and the plots in docs/pictures. Everything runs in processes of
its own, one after the other, on the CPU.
"""

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path

import click

from benchmarks import markdown
from benchmarks.speed import bench_case, engines
from benchmarks.speed.bench_case import Size
from versectl.config import STAGES
from versectl.networks import device
from versectl.networks.engines import choice
from versectl.report import case_report

ROOT = Path(__file__).parents[2]

#: chosen: the most memory that a case may take with the default networks.
BYTES_PER_VOXEL, BASE_GB = 2, 1.5

#: How many of the sizes are measured with --short.
SHORT_SIZES = 3

#: chosen: cases of two batches; what the larger one takes longer is one case without any start.
BATCHES = (2, 3)


@click.command()
@click.option("--engine", default="auto", show_default=True)
@click.option("--short", is_flag=True, help="Leave out what takes longest.")
@click.option("--scans", type=Path, default=ROOT / "build" / "bench-scans", show_default=True)
@click.option("--out", type=Path, default=ROOT / "evaluation" / "results" / "bench.md")
def main(engine: str, short: bool, scans: Path, out: Path) -> None:
    """Measure, print the tables, and write them and the plots."""
    engine = choice.chosen(engine, "cpu")
    fastest = device.best_precision(None, device.cpu_flags())
    precisions = sorted({"float32", fastest}, reverse=True)
    sizes = bench_case.SIZES[: SHORT_SIZES if short else None]
    networks = {
        p: in_a_process(engine, "bench_networks", engine, p, *["short"] * short) for p in precisions
    }
    started = {p: engines.in_a_process(engine, p) for p in precisions}
    cases = {
        size: with_networks(case(size, scans, engine, fastest), networks[fastest]) for size in sizes
    }
    parts = [
        machine(engine, short),
        ceilings(networks),
        starts(engine, started),
        costs(cases, fastest),
    ]
    text = "\n\n".join(parts) + "\n"
    click.echo(text)
    out.write_text(text)
    plot(cases)


def in_a_process(engine: str, module: str, *words: str) -> dict:
    """The JSON that a module of this folder prints last."""
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.speed.{module}", *words]
    environment = os.environ | {"KERAS_BACKEND": engine}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def case(size: Size, folder: Path, engine: str, precision: str) -> dict:
    """What a case of a size costs; its scan is drawn unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{'x'.join(map(str, size.size_vox))}_ct.nii.gz"
    if not path.exists():
        bench_case.draw(size, path)
    found = in_a_process(engine, "bench_case", str(path), engine, precision, "1")
    spent = [batch_cpu_s(count, path, engine, precision) for count in BATCHES]
    return {**found, "one more": spent[1] - spent[0]}


def batch_cpu_s(count: int, scan: Path, engine: str, precision: str) -> float:
    """CPU seconds of a batch of so many copies of a scan, its worker's included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    in_a_process(engine, "bench_case", str(scan), engine, precision, str(count))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def with_networks(found: dict, networks: Mapping[str, Mapping[str, float]]) -> dict:
    """The case with the CPU seconds of its networks: boxes, times what one takes."""
    spent = (boxes * networks[f"default {stage}"]["cpu"] for stage, boxes in found["boxes"].items())
    return {**found, "networks": sum(spent)}


def machine(engine: str, short: bool) -> str:
    """Where this was measured, in words."""
    kinds = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    able = ", ".join(kind for kind in kinds if kind in device.cpu_flags())
    versions = {**case_report.versions(), engine: metadata.version(engine)}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    cpu = f"{device.cpu().name}, {engines.cpu_model()} ({able})"
    return (
        f"# What a case costs\n\n`make bench{' SHORT=1' * short}`, {date.today():%B %Y}: "
        f"{cpu}, {platform.system()}; {listed}. CPU seconds are those of all threads; wall seconds "
        "hold only if the machine did nothing else."
    )


def ceilings(networks: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A row per network and precision: GFLOP, speed, share of the ceiling."""
    head = ("Precision", "Network", "GFLOP", "CPU s", "GFLOP per CPU s", "share of the ceiling")
    rows = ["## Networks", "", *markdown.head(head)]
    for precision, found in networks.items():
        speeds = {name: one["GFLOP"] / one["cpu"] for name, one in found.items()}
        for name, one in found.items():
            share = f"{speeds[name] / speeds['ceiling']:.2f}"
            cells = [f"{one['GFLOP']:.0f}", f"{one['cpu']:.2f}", f"{speeds[name]:.0f}", share]
            rows.append(markdown.row([precision, name, *cells]))
    slow, *fast = networks
    if fast:
        quicker = {
            stage: networks[slow][f"published {stage}"]["cpu"]
            / networks[fast[0]][f"published {stage}"]["cpu"]
            for stage in STAGES
        }
        ratios = ", ".join(f"{stage} {times:.1f}" for stage, times in quicker.items())
        rows += ["", f"Published networks, times faster in {fast[0]} than in {slow}: {ratios}."]
    return "\n".join(rows)


def starts(engine: str, started: Mapping[str, dict[str, float]]) -> str:
    """Import, load and first calls."""
    return "## Start\n\n" + engines.table({(engine, p): found for p, found in started.items()})


def costs(cases: Mapping[Size, dict], precision: str) -> str:
    """A row per case: seconds of each stage and of each part, memory."""
    parts = ("read", "resample", "network", "sequence", "merge", "write", "report")
    head = [
        "Voxels",
        "Vertebrae",
        "total",
        "CPU s",
        "networks CPU s",
        "CPU s of one more",
        "around networks",
        "load",
        *STAGES,
        *parts,
        "Memory GB",
        "Bound GB",
    ]
    rows = [
        f"## Cases\n\nOne case each, cold, in {precision}; wall seconds but for CPU s. Networks "
        'take their number of boxes times the CPU seconds of one above. "Of one more" is what the '
        'same case takes as the last of a batch, and "around networks" the share of that which is '
        "not theirs. The parts from read to report are what the steps consist of, added up over "
        "vertebrae in work at the same time.",
        "",
    ]
    rows += markdown.head(head)
    for size, found in cases.items():
        steps = [found["stages"].get(step, 0.0) for step in ("load", *STAGES)]
        split = [found["parts"].get(part, 0.0) for part in parts]
        seconds = [found["total"], found["cpu"], found["networks"], found["one more"]]
        cells = [" x ".join(map(str, size.size_vox)), str(found["vertebrae"])]
        cells += [f"{value:.1f}" for value in seconds]
        cells += [f"{1 - found['networks'] / found['one more']:.2f}"]
        cells += [f"{value:.1f}" for value in (*steps, *split)]
        cells += [f"{found['memory GB']:.2f}", f"{bound_gb(size):.2f}"]
        rows.append(markdown.row(cells))
    return "\n".join(rows)


def bound_gb(size: Size) -> float:
    """The most memory that a case of a size may use."""
    x, y, z = size.size_vox
    return BASE_GB + BYTES_PER_VOXEL * x * y * z / 1e9


def plot(cases: Mapping[Size, dict]) -> None:
    """CPU seconds against volume and against vertebrae, memory against volume."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    millions = [size.size_vox[0] * size.size_vox[1] * size.size_vox[2] / 1e6 for size in cases]
    found = list(cases.values())
    outside = [one["cpu"] - one["networks"] for one in found]
    draw(left, "million voxels", "CPU s outside the networks", millions, outside)
    vertebrae = [one["vertebrae"] for one in found]
    draw(
        middle,
        "vertebrae",
        "segmentation, wall s",
        vertebrae,
        [one["stages"]["segmentation"] for one in found],
    )
    right.plot(millions, [bound_gb(size) for size in cases], "--", color="#888", label="bound")
    right.legend()
    draw(right, "million voxels", "memory, GB", millions, [one["memory GB"] for one in found])
    figure.savefig(ROOT / "docs" / "pictures" / "bench.png", dpi=110)


def draw(axes: object, x_label: str, y_label: str, x: Sequence[float], y: Sequence[float]) -> None:
    """Points, with what the axes show already, over zero."""
    axes.plot(x, y, "o")
    axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, None), ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
