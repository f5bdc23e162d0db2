"""What comparing many cases costs, part by part: `versectl evaluate` of links to a few real ones.

    python -m benchmarks.speed.bench_evaluate PREDICTIONS GROUND_TRUTH [--count 100]

CPU seconds are those of all threads (user and system). The parts are timed one case after another;
what a part's own parts take is theirs alone. The whole is the command in a process of its own.
"""

import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter
from typing import Any

import click
import versectl.evaluation
from versectl.evaluation import matching, protocol, reading, report

from benchmarks import markdown
from benchmarks.clock import Clock
from versectl.io import challenge_centroids, layout, volume
from versectl.io.layout import Case

#: Part -> where the function that is it stands.
PARTS: dict[str, tuple[Any, str]] = {
    "label maps read and unpacked": (volume, "read_stored"),
    "numbers of labels looked at": (reading, "in_verse_numbers"),
    "centroids and reports read": (challenge_centroids, "read_points"),
    "brought onto one grid, centres": (reading, "pair"),
    "metrics": (protocol, "score"),
}


@click.command()
@click.argument("predictions", type=click.Path(exists=True, path_type=Path))
@click.argument("truth", type=click.Path(exists=True, path_type=Path))
@click.option("--count", default=100, show_default=True)
def main(predictions: Path, truth: Path, count: int) -> None:
    """Print the parts and the whole as a table."""
    with tempfile.TemporaryDirectory() as folder:
        sides = linked(predictions, truth, count, Path(folder))
        whole_s, wall_s = command(*sides)
        parts_s = parts(*sides)
    parts_s["start, imports, tables"] = whole_s - sum(parts_s.values())
    rows = [(part, f"{s:.1f}", f"{s / whole_s:.0%}") for part, s in parts_s.items()]
    whole = (f"all of `versectl evaluate`, {count} cases", f"{whole_s:.1f}", f"{wall_s:.1f} s wall")
    click.echo("\n".join(markdown.table(("part", "CPU s", "share"), [*rows, whole])))


def linked(predictions: Path, truth: Path, count: int, folder: Path) -> tuple[Path, Path]:
    """Two folders of so many cases, each file a link to one of a case of both."""
    sides = folder / "predictions", folder / "truth"
    for side in sides:
        side.mkdir()
    pairs = islice(cycle(matching.match(predictions, truth).pairs), count)
    for number, pair in enumerate(pairs):
        for side, case in zip(sides, pair, strict=True):
            _link(case, side, f"case{number:03d}")
    return sides


def command(predictions: Path, truth: Path) -> tuple[float, float]:
    """CPU and wall seconds of the command."""
    before, begun = getrusage(RUSAGE_CHILDREN), perf_counter()
    asked = ["evaluate", "--pred", str(predictions), "--gt", str(truth)]
    done = subprocess.run([sys.executable, "-m", "versectl", *asked], capture_output=True)
    if done.returncode:
        raise click.ClickException(done.stderr.decode())
    after = getrusage(RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu_s, perf_counter() - begun


def parts(predictions: Path, truth: Path) -> dict[str, float]:
    """Part -> CPU seconds, one case at a time."""
    clock = Clock()
    for part, (module, name) in PARTS.items():
        setattr(module, name, clock.timed(part, getattr(module, name)))
    report.evaluate(predictions, truth, versectl.evaluation.Options(jobs=1))
    return {part: clock.total(part).cpu_s for part in clock.parts}


def _link(case: Case, folder: Path, name: str) -> None:
    for path in (case.labels, case.centroids, case.report):
        if path is not None:
            (folder / path.name.replace(_stem(case), name, 1)).symlink_to(path.resolve())


def _stem(case: Case) -> str:
    path = next(path for path in (case.labels, case.centroids) if path is not None)
    return (layout.parse(path.name) or (case.name, ""))[0]


if __name__ == "__main__":
    main()
