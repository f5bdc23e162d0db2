"""A comparison with the ground truth as the pages show it: what the evaluation computed, no more.

It comes as the JSON content of `versectl evaluate --json` (docs/schemas/evaluation.schema.json).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from versectl import labels, text
from versectl.io import layout


@dataclass(frozen=True)
class CaseAccuracy:
    """Of one case. records : of its true vertebrae, each with its name."""

    lines: Sequence[str]
    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class BatchAccuracy:
    """Of all cases. levels : name, number and means of every level."""

    line: str
    levels: Sequence[Mapping[str, Any]]
    notes: Sequence[str]


def of_case(content: Mapping[str, Any] | None, name: str) -> CaseAccuracy | None:
    """What was compared of a case; None where nothing was."""
    if content is None:
        return None
    found = next((c for c in content["cases"] if _same(c["case"], name)), None)
    records = [
        {**record, "name": labels.NAMES[record["label"]]}
        for record in content["records"]
        if _same(record["case"], name)
    ]
    return CaseAccuracy(_lines(found), records) if found else None


def of_batch(content: Mapping[str, Any]) -> BatchAccuracy:
    """Means over all cases, and what could not be compared."""
    share = content["scans_correct"]["mean"]
    right = "" if share is None else f"; all vertebrae named right in {share:.0%}"
    rows = content["summaries"]["per_vertebra"]
    notes = [f"{f['case']}: {f['reason']}" for f in content["failures"]]
    for key, said in (("without_prediction", "no prediction"), ("without_truth", "no truth")):
        cases = content[f"cases_{key}"]
        notes += [f"Cases with {said}: {', '.join(cases)}."] if cases else []
    return BatchAccuracy(
        f"{text.count(len(content['cases']), 'case')} compared{right}.",
        [{"name": name, **_means(figures)} for name, figures in rows.items()],
        notes,
    )


def places(content: Mapping[str, Any], names: Sequence[str]) -> dict[str, int]:
    """Case as the comparison calls it -> its place among these names."""
    by_key = {layout.key(name): place for place, name in enumerate(names)}
    found = {case["case"]: by_key.get(layout.key(case["case"])) for case in content["cases"]}
    return {case: place for case, place in found.items() if place is not None}


def _same(one: str, other: str) -> bool:
    return layout.key(one) == layout.key(other)


def _means(figures: Mapping[str, Any]) -> dict[str, Any]:
    means = {metric: figure["mean"] for metric, figure in figures.items()}
    return {"n": max(figure["n"] for figure in figures.values()), **means}


def _lines(case: Mapping[str, Any] | None) -> list[str]:
    """What is worth a sentence of a case."""
    if case is None:
        return []
    shift, lines = case["level_shift"], list(case["notes"])
    if shift:
        direction = "low" if shift > 0 else "high"
        lines.insert(0, f"All labels are {text.levels(shift)} too {direction}.")
    for key, said in (
        ("missing_landmarks", "Not found"),
        ("missing_masks", "Without mask"),
        ("extra_labels", "Found, but not in the ground truth"),
    ):
        names = ", ".join(labels.NAMES.get(label, str(label)) for label in case[key])
        lines += [f"{said}: {names}."] if names else []
    return lines
