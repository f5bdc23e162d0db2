"""What a reader should know of the levels: flags, and how the report writes the numbering."""

from itertools import pairwise
from typing import Any, get_args

from versectl import labels
from versectl.report import order
from versectl.stages import spacing
from versectl.text import in_words, span
from versectl.types import Flag, Landmark, Numbering, OtherNumbering, Vertebrae

#: chosen on calibration cases (docs/research-log.md): below the one, or with another numbering of
#: the other, levels are flagged. 5 of 154 runs are wrong without a flag; of the 131 that are right
#: 31 are flagged.
LEAST_PROBABILITY, LIKELY_OTHER = 0.7, 0.1

#: chosen: distances are usual between these multiples of the usual one for the size of the person.
#: Of 193 calibration runs one, a right one, has others.
USUAL = (0.75, 1.3)

#: Nearer than this share of the usual distance, one vertebra is likely taken for two.
TWICE = 0.65

#: Variants that show as a label, and how often VerSe's 374 scans have them.
_VARIANTS = {
    labels.T13: "T13 was found; 18 of 374 VerSe scans have one.",
    labels.L6: "L6 was found; 44 of 374 VerSe scans have one.",
}

#: Neighbours where there is no T12, if they are as near as neighbours are.
_NO_T12 = (labels.T11, labels.L1)

_COUNT = (
    "Count the levels from a landmark: C2, the first rib, the last rib or the sacrum; "
    "versectl relabel corrects them."
)


def flags(vertebrae: Vertebrae) -> list[Flag]:
    """All flags about levels."""
    return [
        *labels_out_of_order(vertebrae),
        *levels_may_be_shifted(vertebrae.numbering),
        *variants(vertebrae),
        *unusual_distances(vertebrae),
    ]


def labels_out_of_order(vertebrae: Vertebrae) -> list[Flag]:
    """Labels that do not follow one another along the spine; one flag for all of them."""
    wrong = order.out_of_order(vertebrae)
    if not wrong:
        return []
    pairs = in_words([order.described(above, below) for above, below in wrong])
    return [
        Flag(
            "labels_out_of_order",
            "error",
            None,
            f"Labels do not run from head to foot: {pairs}.",
            "Correct them in the _ctd.json and run again, or with versectl relabel.",
        )
    ]


def levels_may_be_shifted(numbering: Numbering | None) -> list[Flag]:
    """Another numbering is too probable, or the first rib begins beside another than T1."""
    if numbering is None:
        return []
    beside = numbering.first_rib_beside
    reasons = []
    if beside not in (None, labels.NUMBERS["T1"]):
        reasons.append(f"the first rib seems to begin beside {labels.NAMES[beside]}, not T1")
    if reasons or _is_doubtful(numbering):
        reasons.append(f"the numbering has a probability of {numbering.probability:.2f}")
        reasons += [_described(numbering.second)] if numbering.second else []
    if not reasons:
        return []
    message = f"Labels may be shifted: {'; '.join(reasons)}."
    return [Flag("levels_may_be_shifted", "error", None, message, _COUNT)]


def _is_doubtful(numbering: Numbering) -> bool:
    other = numbering.second.probability if numbering.second else 0.0
    return numbering.probability < LEAST_PROBABILITY or other >= LIKELY_OTHER


def variants(vertebrae: Vertebrae) -> list[Flag]:
    """Vertebrae that few people have, or lack: a mistaken level looks alike."""
    found = [(label, text) for label, text in _VARIANTS.items() if label in vertebrae]
    if lacks_t12(vertebrae):
        found.append((labels.L1, "L1 follows T11 without a T12, as in 6 of 374 VerSe scans."))
    return [
        Flag("rare_variant", "warning", labels.NAMES[label], text, _COUNT) for label, text in found
    ]


def lacks_t12(vertebrae: Vertebrae) -> bool:
    """Whether L1 follows T11 as near as neighbours lie."""
    return relative_distances(vertebrae).get(_NO_T12, 1.0) < USUAL[0]


def gaps(vertebrae: Vertebrae) -> list[tuple[int, int]]:
    """Upper and lower label between which a vertebra is missing.

    L1 follows T11 only where they lie as near as neighbours do.
    """
    missing = (_NO_T12,) if not lacks_t12(vertebrae) else ()
    return [
        (above, below)
        for above, below in pairwise(vertebrae)
        if below not in labels.SUCCESSORS.get(above, ()) or (above, below) in missing
    ]


def unusual_distances(vertebrae: Vertebrae) -> list[Flag]:
    """Neighbours nearer to or farther from one another than the others of the scan suggest."""
    return [
        _unusual(above, below, ratio)
        for (above, below), ratio in relative_distances(vertebrae).items()
        if not USUAL[0] < ratio < USUAL[1]
        and not ((above, below) == _NO_T12 and lacks_t12(vertebrae))
    ]


def _unusual(above: int, below: int, ratio: float) -> Flag:
    both = f"{labels.NAMES[above]} and {labels.NAMES[below]}"
    what = f"{both} are {ratio:.1f} times as far apart as usual"
    if ratio < TWICE:
        return taken_for_two(below, what)
    advice = "Check both centroids: one may be misplaced, or a vertebra between them missed."
    return Flag("unusual_distance", "warning", labels.NAMES[above], f"{what}.", advice)


def taken_for_two(label: int, what: str) -> Flag:
    """One vertebra seems to have two centroids, this one's among them."""
    return Flag(
        "taken_for_two",
        "warning",
        labels.NAMES[label],
        f"{what}: one vertebra may have been taken for two.",
        "If so, delete one centroid from the _ctd.json, correct the labels, and run again.",
    )


def to_json(numbering: Numbering | None) -> dict[str, Any] | None:
    """The numbering as the report has it; None where it is not known."""
    if numbering is None:
        return None
    second, beside = numbering.second, numbering.first_rib_beside
    return {
        "probability": round(numbering.probability, 3),
        "second": second
        and {
            "labels": [label and labels.NAMES[label] for label in second.labels],
            "shift": second.shift,
            "probability": round(second.probability, 3),
        },
        "evidence": list(numbering.evidence),
        "first_rib_beside": beside and labels.NAMES[beside],
    }


def from_json(content: Any) -> Numbering | None:
    """The numbering as to_json() wrote it; None where there is none."""
    if content is None:
        return None
    second, evidence = content["second"], tuple(content["evidence"])
    if not set(evidence) <= set(get_args(Landmark)):
        raise ValueError(f"{content['evidence']} are no landmarks")
    other = None
    if second is not None:
        named = tuple(name and labels.NUMBERS[name] for name in second["labels"])
        other = OtherNumbering(named, second["shift"], float(second["probability"]))
    beside = content.get("first_rib_beside")
    rib = None if beside is None else labels.NUMBERS[beside]
    return Numbering(float(content["probability"]), other, evidence, rib)


def relative_distances(vertebrae: Vertebrae) -> dict[tuple[int, int], float]:
    """Upper and lower label -> their distance, as a share of the usual one for such a person."""
    size = spacing.size_of(vertebrae.centers_mm)
    return {pair: ratio / size for pair, ratio in spacing.relative(vertebrae.centers_mm).items()}


def _described(second: OtherNumbering) -> str:
    """The second numbering in words."""
    names = [labels.NAMES[label] for label in second.labels if label is not None]
    return f"{span(names)} has {second.probability:.2f}"
