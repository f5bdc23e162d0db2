"""All reports of an output folder: how far the batch is, and one table of everything."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from versectl.batch import transaction
from versectl.errors import BadInputError, printable
from versectl.io import atomic
from versectl.report import case_report

#: Failures that are shown one by one.
SHOWN = 20

CASES = (
    "case",
    "status",
    "exit_code",
    "error",
    "vertebrae",
    "first",
    "last",
    "volume_ml",
    "warnings",
    "seconds",
    "peak_memory_mb",
    "input_sha256",
    "versectl",
)
VERTEBRAE = ("case", "label", "name", "x_mm", "y_mm", "z_mm", "peak", "volume_ml", "at_border")


class Overview(NamedTuple):
    """The reports of a folder, by case, and the cases that runs are working on."""

    reports: Mapping[str, Mapping]
    held: Sequence[str]


def read(out: Path) -> Overview:
    """All reports in a folder; BadInputError when it is none."""
    if not Path(out).is_dir():
        raise BadInputError(f"{out} is no folder; give the OUT of a batch.")
    found = {
        file.name.removesuffix("_report.json"): case_report.read(file)
        for file in sorted(Path(out).glob("*_report.json"))
    }
    return Overview({name: told for name, told in found.items() if told}, transaction.held(out))


def text(overview: Overview, as_json: bool = False) -> str:
    """How far the batch is, for people or for programs."""
    counts = Counter(told["status"] for told in overview.reports.values())
    failed = {
        name: told.get("error", {}).get("message", "")
        for name, told in overview.reports.items()
        if told["status"] == case_report.FAILED
    }
    if as_json:
        counted = {
            "done": counts[case_report.DONE],
            "failed": failed,
            "working": list(overview.held),
        }
        return json.dumps(counted, indent=1)
    lines = [f"done {counts[case_report.DONE]}, failed {len(failed)}, working {len(overview.held)}"]
    lines += [f"  {name} failed: {message}" for name, message in list(failed.items())[:SHOWN]]
    lines += [f"  and {len(failed) - SHOWN} more failed"] if failed and len(failed) > SHOWN else []
    return "\n".join(map(printable, lines))


def write_csv(overview: Overview, rows: str, path: Path) -> int:
    """Write a line per case, or per vertebra; how many there are."""
    columns, make = {"cases": (CASES, _case_rows), "vertebrae": (VERTEBRAE, _vertebra_rows)}[rows]
    lines = [row for name, told in overview.reports.items() for row in make(name, told)]
    atomic.write_csv(columns, lines, path)
    return len(lines)


def _case_rows(name: str, told: Mapping) -> list[tuple]:
    error, vertebrae = told.get("error", {}), told.get("vertebrae", [])
    names = [row["name"] for row in vertebrae] or [None]
    volume_ml = round(sum(row["volume_ml"] for row in vertebrae), 3)
    return [
        (
            name,
            told["status"],
            error.get("exit_code", 0),
            error.get("message"),
            len(vertebrae),
            names[0],
            names[-1],
            volume_ml,
            " ".join(told.get("warnings", [])),
            round(sum(told["seconds"].values()), 2),
            told["peak_memory_mb"],
            told["input"]["sha256"],
            told["versions"]["versectl"],
        )
    ]


def _vertebra_rows(name: str, told: Mapping) -> list[tuple]:
    return [
        (
            name,
            row["label"],
            row["name"],
            *row["center_mm"],
            row["peak"],
            row["volume_ml"],
            row["at_border"],
        )
        for row in told.get("vertebrae", [])
    ]
