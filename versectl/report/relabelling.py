"""Other labels for the vertebrae of a result, without a new segmentation: which becomes which.

A person's levels are C1 to L6. T13 is one of them where it was found, and T12 is not where L1
follows T11 as near as neighbours lie. Vertebrae that were not found keep their place: a gap stays.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from versectl import labels
from versectl.errors import BadInputError
from versectl.report import anatomy, case_report, levels, order, quality, reading
from versectl.report.measurements import Plates, curvature
from versectl.report.measures import TO_NEXT, Sheet
from versectl.text import span
from versectl.types import Flag, Vertebra, Vertebrae

#: Label -> new label, of every vertebra of a case.
Change = Mapping[int, int]

#: chosen: farther from a centre, a point lies in another vertebra or beside the spine; half of the
#: largest usual distance of neighbours, 37 mm, and some more for points in processes.
ANCHOR_MM = 25.0

#: Flags of doubts about labels: a correction by hand answers them.
ANSWERED = ("levels_may_be_shifted",)

#: Flags that follow from labels, centres and volumes alone.
RECOMPUTED = (
    *("labels_out_of_order", "rare_variant", "unusual_distance", "gap"),
    *("taken_for_two", "two_taken_for_one"),
)

#: Flags whose messages name files, which keep their names, and no vertebra.
OF_FILES = ("made_for_another_ct", "origin_unknown")

_NAME = re.compile(r"\b(?:C[1-7]|T1[0-3]|T[1-9]|L[1-6])\b")


def shifted(vertebrae: Vertebrae, there: Collection[int], by: int) -> Change:
    """All labels so many levels lower (+1: L1 becomes L2) along the person's own levels.

    there : labels of centroids and masks. A T13 stays one level, of another vertebra; so does the
    lack of T12. Raises BadInputError where a label would leave C1 to L6.
    """
    own = _levels(vertebrae)
    return _moved(there, own, own, by)


def renamed(
    vertebrae: Vertebrae, there: Collection[int], pairs: Sequence[tuple[int, int]]
) -> Change:
    """Some labels changed, all at once, so that one can take the place of another.

    Raises BadInputError where a label is missing, two vertebrae would have the same, or labels
    would not run from head to foot.
    """
    wanted = dict(pairs)
    missing = [labels.NAMES[old] for old in wanted if old not in there]
    if missing or len(wanted) < len(pairs):
        twice = next((old for old, _ in pairs if [o for o, _ in pairs].count(old) > 1), None)
        said = f"{labels.NAMES[twice]} is given twice" if twice else f"there is no {missing[0]}"
        raise BadInputError(f"{said}; the vertebrae are {_listed(there)}.")
    change = {label: wanted.get(label, label) for label in there}
    for label, new in change.items():
        if list(change.values()).count(new) > 1:
            other = next(old for old, other in change.items() if other == new and old != label)
            raise BadInputError(
                f"{labels.NAMES[label]} and {labels.NAMES[other]} would both be "
                f"{labels.NAMES[new]}; rename the other one as well (--set may be given again)."
            )
    _refuse_disorder(Vertebrae({change[label]: found for label, found in vertebrae.items()}))
    return change


def _refuse_disorder(vertebrae: Vertebrae) -> None:
    """BadInputError where labels do not follow one another along the spine."""
    for above, below in order.out_of_order(vertebrae)[:1]:
        raise BadInputError(
            f"labels must run from head to foot; {labels.NAMES[below]} would lie above "
            f"{labels.NAMES[above]}. Nothing was changed."
        )


def anchored(
    vertebrae: Vertebrae,
    there: Collection[int],
    anchor: tuple[int, tuple[float, float, float]],
) -> Change:
    """The vertebra nearest to a point gets a label, the others are counted from it.

    anchor : the label, and the point in the world (LPS, mm). T13 is counted only if it is that
    label, and T12 always.
    Raises BadInputError where no centre is near, or the count leaves C1 to L6.
    """
    label, point_mm = anchor
    unplaced = [labels.NAMES[one] for one in there if one not in vertebrae]
    if unplaced:
        raise BadInputError(f"{unplaced[0]} has a mask but no centroid; use --shift or --set.")
    away_mm = {one: float(np.linalg.norm(v.center_mm - point_mm)) for one, v in vertebrae.items()}
    nearest = min(away_mm, key=lambda one: away_mm[one])
    if away_mm[nearest] > ANCHOR_MM:
        raise BadInputError(
            f"no vertebra is near that point: the nearest, {labels.NAMES[nearest]}, is "
            f"{away_mm[nearest]:.0f} mm away (at most {ANCHOR_MM:.0f}); give a point within the "
            "vertebral body in LPS millimetres."
        )
    own = _levels(vertebrae)
    usual = [one for one in labels.ORDER if one != labels.T13 or label == labels.T13]
    return _moved(there, own, usual, usual.index(label) - own.index(nearest))


def report(content: Mapping[str, Any], change: Change, files: Mapping[str, Any]) -> dict[str, Any]:
    """A report's content after a change; what was measured goes with the vertebra.

    files : what made the files, as in the report. Peaks and probabilities were those of the former
    labels and are None.
    """
    rows = [_renamed_row(row, change) for row in content["vertebrae"]]
    rows.sort(key=lambda row: labels.ORDER.index(row["label"]))
    flags = _flags(content["flags"], rows, change)
    return {
        **content,
        **_angles(rows),
        "numbering": None,
        "flags": flags,
        "warnings": [flag["message"] for flag in flags],
        "files": files,
    }


def described(change: Change) -> str:
    """What became of which, head to foot, in words: "T12 to L2 are now L1 to L3"."""
    runs: list[list[int]] = []
    for label in (label for label in labels.ORDER if label in change):
        if change[label] == label:
            runs.append([])
        elif runs and runs[-1] and _follows(change[runs[-1][-1]], change[label]):
            runs[-1].append(label)
        else:
            runs.append([label])
    return ", ".join(_described(run, change) for run in runs if run)


def _follows(above: int, below: int) -> bool:
    return labels.ORDER.index(above) < labels.ORDER.index(below)


def _described(run: Sequence[int], change: Change) -> str:
    old = [labels.NAMES[label] for label in run]
    new = [labels.NAMES[change[label]] for label in run]
    if len(run) == 1:
        return f"{old[0]} is now {new[0]}"
    return f"{span(old)} are now {span(new)}"


def _levels(vertebrae: Vertebrae) -> list[int]:
    """The levels that this person has, head to foot."""
    absent = set() if labels.T13 in vertebrae else {labels.T13}
    absent |= {labels.T12} if levels.lacks_t12(vertebrae) else set()
    return [label for label in labels.ORDER if label not in absent]


def _moved(there: Collection[int], own: list[int], new: list[int], by: int) -> Change:
    """Labels at the same places of other levels, `by` further down."""
    places = {label: own.index(label) + by for label in there if label in own}
    beyond = [label for label, place in places.items() if not 0 <= place < len(new)]
    if beyond:
        last = min(beyond, key=own.index) if by < 0 else max(beyond, key=own.index)
        end = "above C1" if by < 0 else "below L6"
        raise BadInputError(
            f"{labels.NAMES[last]} would come {end}, where there is no vertebra; the vertebrae are "
            f"{_listed(there)}."
        )
    return {label: new[place] for label, place in places.items()}


def _listed(there: Iterable[int]) -> str:
    return ", ".join(labels.NAMES[label] for label in labels.ORDER if label in there)


def _renamed_row(row: Mapping[str, Any], change: Change) -> dict[str, Any]:
    label = change[row["label"]]
    unknown = {"peak": None, "confidence": None}
    return {**row, "label": label, "name": labels.NAMES[label], **unknown}


def _angles(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows and the curves of the spine: angles between the endplates that these labels have."""
    plates = {row["label"]: reading.parse_plates(row) for row in rows}
    gaps = levels.gaps(_found(rows))
    return {
        "vertebrae": [_with_angles(row, plates, gaps) for row in rows],
        "curvature": case_report.measures_to_json(curvature.of_spine(plates)),
    }


def _found(rows: Sequence[Mapping[str, Any]]) -> Vertebrae:
    """The vertebrae of a report's rows, where they are."""
    return Vertebrae({row["label"]: Vertebra(np.array(row["center_mm"], float)) for row in rows})


def _with_angles(
    row: Mapping[str, Any], plates: Mapping[int, Plates], gaps: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    sheet = Sheet()
    sheet.add(TO_NEXT, partial(curvature.to_next, row["label"], plates, gaps))
    former = row.get("not_measured", {})
    reasons = {name: why for name, why in former.items() if name not in TO_NEXT} | sheet.reasons
    return {**row, **dict.fromkeys(TO_NEXT), **sheet.values, "not_measured": reasons}


def _flags(
    flags: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], change: Change
) -> list[dict[str, Any]]:
    """The flags of a report after a change, in the order of a report's. rows : its vertebrae."""
    found = _found(rows)
    recomputed = [
        *levels.labels_out_of_order(found),
        *levels.variants(found),
        *levels.unusual_distances(found),
        *quality.gaps(found),
        *anatomy.of_volumes({row["label"]: reading.parse_volume_ml(row) for row in rows}),
    ]
    kept = [
        _renamed_flag(flag, change)
        for flag in flags
        if flag["code"] not in (*ANSWERED, *RECOMPUTED)
    ]
    return [*map(_as_json, quality.once(recomputed)), *kept]


def _as_json(flag: Flag) -> dict[str, Any]:
    return {**vars(flag)}


def _renamed_flag(flag: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The flag with the new names of its vertebra and of those in its message."""
    if flag["code"] in OF_FILES:
        return {**flag}
    vertebra = flag["vertebra"]
    moved = None if vertebra is None else _new_name(vertebra, change)
    message = _NAME.sub(lambda name: _new_name(name[0], change), flag["message"])
    return {**flag, "vertebra": moved, "message": message}


def _new_name(name: str, change: Change) -> str:
    label = labels.NUMBERS[name]
    return labels.NAMES[change.get(label, label)]
