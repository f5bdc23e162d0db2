"""A report as text in the form of the paper's tables, and as CSV."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from versectl import labels
from versectl.io import atomic
from versectl.text import count, first_few, fitting, levels

from . import protocol, published, reading, report
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

#: Columns of the summary beside ID: metric -> decimals.
SUMMARY = {"point_error_mm": 2, "dice": 3, "hd_mm": 2}

POINTS_FROM = {
    "files": "from files",
    "masks": "centres of mass of the masks on both sides",
    None: "none in the ground truth",
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


#: Lines of remarks below the summary, so that all of it fits one screen of 24 lines.
FEW_REMARKS = 8

#: Cases named in one line.
FEW_CASES = 3


def text(shown: Report, details: bool = False, beside_published: bool = False) -> str:
    """The report for a person to read: one screen, or every table and every remark."""
    parts = [_headline(shown), _summary(shown), _definitions(shown)]
    if beside_published:
        parts += _published(shown)
    if details:
        parts += [*_tables(shown), "Remarks", "\n".join(every_remark(shown)) or "none"]
    else:
        parts.append("\n".join(_first(remarks(shown))))
    return "\n\n".join(parts).rstrip() + "\n"


def table_one(shown: Report) -> str:
    """The paper's Table 1 with these figures beside it."""
    return _pooled_table(report.figures(shown)["pooled_over_vertebrae"], beside_published=True)


def failures(shown: Report) -> list[str]:
    """Cases that are not in the figures, and predictions that lack a file: one line each."""
    counted = "counted as empty" if shown.options.count_missing_cases else "not counted"
    return [
        *(f"{failed.case}: not compared: {failed.reason}" for failed in shown.failures),
        *(f"{case}: no prediction, {counted}" for case in shown.without_prediction),
        *(
            f"{result.case}: {note}"
            for result in shown.results
            for note in result.notes
            if note.is_failure
        ),
    ]


def remarks(shown: Report) -> list[str]:
    """What a reader must know before trusting the figures; what cases share is said once."""
    counted = "counted as empty" if shown.options.count_missing_cases else "not counted"
    lines = [f"{failed.case}: not compared: {failed.reason}" for failed in shown.failures]
    lines += _shared(f"no prediction, {counted}", shown.without_prediction)
    lines += _shifts(shown)
    lines += _shared_notes(shown, is_failure=True)
    lines += _hint(shown)
    lines += _shared_notes(shown, is_failure=False)
    lines += _shared("no ground truth, not counted", shown.without_truth)
    return lines + [f"{result.case}: {line}" for result in shown.results for line in _odd(result)]


def every_remark(shown: Report) -> list[str]:
    """The same, with a line for every case."""
    lines = [*failures(shown), *_shifts(shown), *_hint(shown)]
    lines += [f"{case}: no ground truth, not counted" for case in shown.without_truth]
    for result in shown.results:
        lines += [f"{result.case}: {note}" for note in result.notes if not note.is_failure]
        lines += [f"{result.case}: {line}" for line in _odd(result)]
    return lines


def write_csv(shown: Report, path: Path) -> None:
    """One line per case and vertebra; undefined figures are empty."""
    named = ({**vars(record), "name": labels.NAMES[record.label]} for record in shown.records)
    rows = ([_cell(record[column]) for column in COLUMNS] for record in named)
    atomic.write_csv(COLUMNS, rows, path)


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
    return "\n".join(
        [
            f"{count(len(shown.results), 'scan')}, {len(shown.records)} vertebrae; "
            f"scans with every vertebra identified: {_share(report.scans_correct(shown))}",
            f"centroids: {_point_sources(shown)}",
            *_left_out(shown),
        ]
    )


def _left_out(shown: Report) -> list[str]:
    """A line when the figures are of a part of the ground truth only."""
    missing = len(shown.failures) + len(shown.left_out)
    if not missing:
        return []
    total = len(shown.results) + missing
    return [f"not in these figures: {missing} of {total} true scans (--count-missing counts them)"]


def _summary(shown: Report) -> str:
    """One table: the regions' vertebrae and all of them pooled, and the mean over scans."""
    tables = report.figures(shown)
    rows = [["", "ID", *(ROWS[metric][0] for metric in SUMMARY)]]
    for group, figures in tables["pooled_over_vertebrae"].items():
        if group == "all" or any(figure.n for figure in figures.values()):
            name = "all vertebrae" if group == "all" else group
            rows.append([name, _share(figures["id_rate"], 1), *_short(figures)])
    over_scans = tables["mean_over_scans"]["all"]
    rate = over_scans["id_rate"]
    percent = UNDEFINED if rate.mean is None else f"{100 * rate.mean:.1f} %"
    rows.append(["mean over scans", percent, *_short(over_scans)])
    return grid(rows)


def _short(figures: Figures) -> list[str]:
    return [mean_sd(figures[metric], decimals) for metric, decimals in SUMMARY.items()]


def _definitions(shown: Report) -> str:
    rules, counts = shown.options.rules, report.counts(shown)
    missed = "left out" if rules.missed_pe_mm is None else f"counted as {rules.missed_pe_mm:g} mm"
    return "\n".join(
        [
            f"missing landmarks: {counts['missing_landmarks']} (point error {missed}); "
            f"missing masks: {counts['missing_masks']} (Dice 0, no HD); "
            f"extra labels: {counts['extra_labels']}",
            IDENTIFIED[rules.identified],
            f"{DISTANCES[rules.distance]}; ± population SD",
        ]
    )


def _tables(shown: Report) -> list[str]:
    tables = report.figures(shown)
    return [
        "Per case",
        _case_table(shown),
        "Pooled over vertebrae (the paper's Table 1)",
        _pooled_table(tables["pooled_over_vertebrae"]),
        "Mean over scans of each scan's mean (the paper's Table 2)",
        _scan_table(tables["mean_over_scans"]),
        "Pooled over vertebrae, those at the edge of the volume left out",
        _pooled_table(tables["pooled_over_vertebrae_without_border"]),
        "Mean over scans, vertebrae at the edge of the volume left out",
        _scan_table(tables["mean_over_scans_without_border"]),
        "Per vertebra",
        _vertebra_table(report.per_vertebra(shown)),
    ]


def _published(shown: Report) -> list[str]:
    return [
        "Pooled over vertebrae, beside the paper's Table 1",
        table_one(shown),
        "The paper's Table 2 (VerSe 2019 test sets) and ours",
        _table_two(shown.over_scans),
        f"{UNDEFINED} in the paper's figures: not checked by us; see the paper.",
    ]


def _point_sources(shown: Report) -> str:
    sources = Counter(result.points_from for result in shown.results)
    return (
        ", ".join(f"{POINTS_FROM[source]} in {count(n, 'scan')}" for source, n in sources.items())
        or "-"
    )


def _case_table(shown: Report) -> str:
    rows = [["", "centroids from", *(heading for heading, _ in ROWS.values())]]
    for result in shown.results:
        figures = protocol.pooled(result.records)
        values = (_pooled(figures, metric, decimals) for metric, (_, decimals) in ROWS.items())
        rows.append([result.case, result.points_from or UNDEFINED, *values])
    return grid(rows)


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


def _first(lines: Sequence[str]) -> list[str]:
    """No more lines than fit below the summary."""
    kept, left = fitting(lines, FEW_REMARKS)
    return [*kept, *([f"and {left} more remarks; --details shows all"] if left else [])]


def _shared(words: str, cases: Sequence[str]) -> list[str]:
    """One line on what is true of all these cases; none without cases."""
    if len(cases) < 2:
        return [f"{case}: {words}" for case in cases]
    return [f"{words}: {len(cases)} cases ({first_few(cases, FEW_CASES)})"]


def _shared_notes(shown: Report, is_failure: bool) -> list[str]:
    cases: dict[str, list[str]] = {}
    details: dict[str, set[str]] = {}
    for result in shown.results:
        for note in (note for note in result.notes if note.is_failure == is_failure):
            cases.setdefault(note.text, []).append(result.case)
            details.setdefault(note.text, set()).add(note.detail)
    lines = []
    for words, named in cases.items():
        (detail,) = details[words] if len(details[words]) == 1 else ("",)
        lines += _shared(f"{words}: {detail}" if detail else words, named)
    return lines


def _shifts(shown: Report) -> list[str]:
    """Scans in which all names are off by the same number of levels."""
    lines = []
    for shift, cases in report.level_shifts(shown).items():
        named = labels.NAMES.get(labels.L1 + shift)
        example = f" (L1 named {named})" if named else ""
        direction = "low" if shift > 0 else "high"
        words = f"all labels {levels(shift)} too {direction}{example} in {len(cases)} of"
        lines.append(f"{words} {count(len(shown.results), 'scan')}: {', '.join(cases)}")
    return lines


def _hint(shown: Report) -> list[str]:
    """What to do when no prediction has a centroid file, as is usual for other tools."""
    lacking = [
        any(note == reading.NO_CENTROIDS for note in result.notes) for result in shown.results
    ]
    hint = "no prediction has a centroid file: --points masks compares the masks' centres instead"
    return [hint] if lacking and all(lacking) else []


def _odd(result: report.Result) -> Iterable[str]:
    for words, found in (
        ("missing landmarks", result.missing_landmarks),
        ("missing masks", result.missing_masks),
        ("extra labels", result.extra_labels),
    ):
        if found:
            yield f"{words}: {', '.join(labels.NAMES[label] for label in found)}"


def _share(rate: Figure, decimals: int = 2) -> str:
    if rate.mean is None:
        return UNDEFINED
    return f"{round(rate.mean * rate.n)} of {rate.n} ({100 * rate.mean:.{decimals}f} %)"


def _fixed(value: float | None, decimals: int) -> str:
    return UNDEFINED if value is None else f"{value:.{decimals}f}"


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
