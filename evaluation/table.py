"""A report as text in the form of the paper's tables, and as CSV."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from versectl import labels
from versectl.io import atomic

from . import published, report
from .protocol import GROUPS, Figure, Figures
from .report import Report

UNDEFINED = "-"

COLUMNS = (
    "case",
    "label",
    "name",
    "dice",
    "hd_mm",
    "point_error_mm",
    "identified",
    "at_border",
)

#: Rows of a table: metric -> heading, decimals.
ROWS = {
    "point_error_mm": ("PE mm", 2),
    "id_rate": ("ID", 4),
    "dice": ("Dice", 4),
    "hd_mm": ("HD mm", 2),
}

DISTANCES = {
    "voxel": "HD between voxel sets, as in the paper",
    "surface": "HD between surfaces (6-connected border voxels)",
    "surface95": "95th percentile of the distances of both surfaces",
}
IDENTIFIED = {
    "paper": "ID: closest true landmark is the right one, nearer than 20 mm (the paper's rule)",
    "official": "ID: as the challenge's script, among labels on both sides, 20 mm included",
}


def text(shown: Report, beside_published: bool = False) -> str:
    """The whole report for a person to read."""
    tables = report.figures(shown)
    parts = [
        _headline(shown),
        "Pooled over vertebrae (the paper's Table 1)",
        _pooled_table(tables["pooled_over_vertebrae"], beside_published),
        "Mean over scans of each scan's mean (the paper's Table 2)",
        _scan_table(tables["mean_over_scans"]),
        "Pooled over vertebrae, those at the edge of the volume left out",
        _pooled_table(tables["pooled_over_vertebrae_without_border"]),
        "Mean over scans, vertebrae at the edge of the volume left out",
        _scan_table(tables["mean_over_scans_without_border"]),
        "Per vertebra",
        _vertebra_table(report.per_vertebra(shown)),
    ]
    if beside_published:
        parts += [
            "The paper's Table 2 (VerSe 2019 test sets) and ours",
            _table_two(tables["mean_over_scans"]["all"]),
            f"{UNDEFINED} in the paper's figures: not checked by us; see the paper.",
        ]
    return "\n\n".join([*parts, "\n".join(remarks(shown))]).rstrip() + "\n"


def table_one(shown: Report) -> str:
    """The paper's Table 1 with these figures beside it."""
    return _pooled_table(report.figures(shown)["pooled_over_vertebrae"], beside_published=True)


def write_csv(shown: Report, path: Path) -> None:
    """One line per case and vertebra; undefined figures are empty."""
    with atomic.replacing(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for record in shown.records:
            named = {**vars(record), "name": labels.NAMES[record.label]}
            writer.writerow([_cell(named[column]) for column in COLUMNS])


def remarks(shown: Report) -> list[str]:
    """What a reader must know before trusting the figures: one line each."""
    counted = "counted as empty" if shown.options.count_missing_cases else "not counted"
    lines = [f"{case}: no prediction, {counted}" for case in shown.without_prediction]
    lines += [f"{case}: no ground truth, not counted" for case in shown.without_truth]
    lines += [f"{failed.case}: not compared: {failed.reason}" for failed in shown.failures]
    for result in shown.results:
        lines += [f"{result.case}: {note}" for note in result.notes]
        lines += [f"{result.case}: {line}" for line in _odd_labels(result)]
    return lines


def grid(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as aligned text: the first column to the left, the others to the right."""
    rows = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])],
        ).rstrip()
        for row in rows
    )


def mean_sd(figure: Figure, decimals: int) -> str:
    """A figure as "4.27 ± 0.31"."""
    if figure.mean is None:
        return UNDEFINED
    return f"{figure.mean:.{decimals}f} ± {figure.sd:.{decimals}f}"


def _headline(shown: Report) -> str:
    rules = shown.options.rules
    correct = report.scans_correct(shown)
    counts = report.counts(shown)
    missed = "left out" if rules.missed_pe_mm is None else f"counted as {rules.missed_pe_mm:g} mm"
    return "\n".join(
        [
            f"{len(shown.results)} scans, {len(shown.records)} vertebrae",
            f"scans with every vertebra identified: {_share(correct)}",
            f"centroids: {_point_sources(shown)}",
            f"missing landmarks: {counts['missing_landmarks']} (point error {missed})",
            f"missing masks: {counts['missing_masks']} (Dice 0, no HD)",
            f"extra labels: {counts['extra_labels']}",
            f"{IDENTIFIED[rules.identified]}; {DISTANCES[rules.distance]}; ± population SD",
        ]
    )


def _point_sources(shown: Report) -> str:
    sources = Counter(result.points_from for result in shown.results)
    words = {"files": "from files", "masks": "from the masks of both sides", None: "none"}
    return ", ".join(f"{words[source]} in {n} scans" for source, n in sources.items()) or "none"


def _pooled_table(groups: dict[str, Figures], beside_published: bool = False) -> str:
    """Identified vertebrae as a count, the other figures as mean and deviation."""
    rows = [["", *GROUPS]]
    for metric, (heading, decimals) in ROWS.items():
        rows.append([heading, *(_pooled(groups[group], metric, decimals) for group in GROUPS)])
        if beside_published:
            rows.append(["  paper", *(_paper(group, metric) for group in GROUPS)])
    rows.append(["HD undefined", *(str(_undefined_hd(groups[group])) for group in GROUPS)])
    return grid(rows)


def _scan_table(groups: dict[str, Figures]) -> str:
    rows = [["", *GROUPS]]
    for metric, (heading, decimals) in ROWS.items():
        rows.append([heading, *(mean_sd(groups[group][metric], decimals) for group in GROUPS)])
    rows.append(["scans", *(str(max(f.n for f in groups[group].values())) for group in GROUPS)])
    return grid(rows)


def _pooled(figures: Figures, metric: str, decimals: int) -> str:
    figure = figures[metric]
    return _share(figure) if metric == "id_rate" else mean_sd(figure, decimals)


def _undefined_hd(figures: Figures) -> int:
    """How many vertebrae have a Dice but, missing in the prediction, no Hausdorff distance."""
    return figures["dice"].n - figures["hd_mm"].n


def _paper(group: str, metric: str) -> str:
    column = published.TABLE_ONE[group]
    if metric == "id_rate":
        identified = UNDEFINED if column.identified is None else column.identified
        return f"{identified} of {column.vertebrae}"
    mean, sd = getattr(column, metric)
    return UNDEFINED if mean is None else f"{mean} ± {UNDEFINED if sd is None else sd}"


def _table_two(ours: Figures) -> str:
    rows = [["team", "test set", "ID %", "PE mm", "Dice", "HD mm"]]
    for row in published.TABLE_TWO:
        printed = (
            _fixed(row.id_percent, 2),
            _fixed(row.point_error_mm, 2),
            _fixed(row.dice, 3),
            _fixed(row.hd_mm, 2),
        )
        rows.append([row.team, str(row.test), *printed])
    rate = ours["id_rate"].mean
    figures = (
        _fixed(None if rate is None else 100 * rate, 2),
        _fixed(ours["point_error_mm"].mean, 2),
        _fixed(ours["dice"].mean, 3),
        _fixed(ours["hd_mm"].mean, 2),
    )
    rows.append(["these predictions", "", *figures])
    return grid(rows)


def _vertebra_table(vertebrae: dict[str, Figures]) -> str:
    rows = [["", *(heading for heading, _ in ROWS.values())]]
    for name, figures in vertebrae.items():
        values = (_pooled(figures, metric, decimals) for metric, (_, decimals) in ROWS.items())
        rows.append([name, *values])
    return grid(rows)


def _odd_labels(result: report.Result) -> Iterable[str]:
    for words, found in (
        ("missing landmarks", result.missing_landmarks),
        ("missing masks", result.missing_masks),
        ("extra labels", result.extra_labels),
    ):
        if found:
            yield f"{words}: {', '.join(labels.NAMES[label] for label in found)}"


def _share(rate: Figure) -> str:
    if rate.mean is None:
        return UNDEFINED
    return f"{round(rate.mean * rate.n)} of {rate.n} ({100 * rate.mean:.2f} %)"


def _fixed(value: float | None, decimals: int) -> str:
    return UNDEFINED if value is None else f"{value:.{decimals}f}"


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value
