"""BIDS: the table of labels that stands beside a label map, <case>_dseg.tsv."""

from pathlib import Path

from versectl import labels
from versectl.io import atomic
from versectl.io.export.findings import Findings

COLUMNS = ("index", "name", "abbreviation", "color")


def write(_findings: Findings, path: Path) -> None:
    """Write the names and colours of all vertebrae (BIDS derivatives, "common data types")."""
    rows = [COLUMNS, ("0", "Background", "BG", "#000000")]
    for label in sorted(labels.NAMES):
        name = labels.NAMES[label]
        rows.append((str(label), f"{name} vertebra", name, labels.hex_color(label)))
    with atomic.replacing(path) as temporary:
        temporary.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
