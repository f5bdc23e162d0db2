"""Two folders of anybody's files -> the cases that both have, paired by name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from versectl.errors import BadInputError
from versectl.io import layout
from versectl.io.layout import Case
from versectl.text import first_few


@dataclass(frozen=True)
class Matched:
    """Cases of two folders, those on both sides paired by name."""

    pairs: tuple[tuple[Case, Case], ...]  # prediction, ground truth
    without_prediction: tuple[Case, ...]
    without_truth: tuple[Case, ...]

    @property
    def predictions(self) -> tuple[Case, ...]:
        """Every case of the predictions."""
        return (*(predicted for predicted, _ in self.pairs), *self.without_truth)

    @property
    def truth(self) -> tuple[Case, ...]:
        """Every case of the ground truth."""
        return (*(gt for _, gt in self.pairs), *self.without_prediction)


def match(predicted: Path, gt: Path, may_be_empty: bool = False) -> Matched:
    """Pair the cases of two folders by name, or two files with each other whatever their names.

    may_be_empty : whether a folder of predictions may hold none at all.
    Raises BadInputError when no case occurs on both sides.
    """
    predicted, gt = Path(predicted), Path(gt)
    if predicted.is_file() and gt.is_file():
        return Matched((_of_files(predicted, gt),), (), ())
    ours, theirs = _by_key(predicted), _by_key(gt)
    shared = [key for key in theirs if key in ours]
    if not shared and (ours or not theirs or not may_be_empty):
        raise BadInputError(
            f"No case of {predicted} ({_some(ours)}) has ground truth in {gt} ({_some(theirs)}); "
            "files of one case must share its name."
        )
    return Matched(
        tuple((ours[key], theirs[key]) for key in shared),
        tuple(case for key, case in theirs.items() if key not in ours),
        tuple(case for key, case in ours.items() if key not in theirs),
    )


def only_case(path: Path) -> Case:
    """The case of one file, or of a folder that holds no other; BadInputError otherwise."""
    if not path.is_dir():
        return of_file(path)
    found = _by_key(path)
    if len(found) != 1:
        raise BadInputError(
            f"{path} holds {len(found)} cases ({_some(found)}); name a file of one."
        )
    return next(iter(found.values()))


def of_file(path: Path) -> Case:
    """The case of one file: a label map alone, or a centroid file with what lies beside it."""
    name, _ = layout.parse(path.name) or (path.name, "")
    if path.suffix.lower() != ".json":
        return Case(name, labels=path)
    return replace(_beside(path, name), centroids=path)


def _of_files(predicted: Path, gt: Path) -> tuple[Case, Case]:
    """Two files as a pair: masks beside centroid files are compared when both sides have one.

    A mask on one side alone only tells where that side's centroids lie. Raises BadInputError for
    predicted centroids and true masks: masks have other centres than bodies.
    """
    ours, theirs = of_file(predicted), of_file(gt)
    if ours.centroids and not theirs.centroids:
        raise BadInputError(
            f"{predicted} holds centroids and {gt} masks, whose centres are others; give two "
            "centroid files or two label maps."
        )
    if ours.centroids and theirs.centroids and not (ours.labels and theirs.labels):
        return _as_frame(ours), _as_frame(theirs)
    return ours, theirs


def _as_frame(case: Case) -> Case:
    return replace(case, ct=case.labels or case.ct, labels=None)


def _beside(path: Path, name: str) -> Case:
    """CT and label map of that name in the same folder."""
    found = Case(name)
    for file in sorted(path.parent.iterdir()):
        parsed = layout.parse(file.name)
        if parsed == (name, "labels") and found.labels is None:
            found = replace(found, labels=file)
        if parsed == (name, "ct") and found.ct is None:
            found = replace(found, ct=file)
    return found


def _by_key(path: Path) -> dict[str, Case]:
    """Cases with something to compare, by a name that is the same in every VerSe release."""
    found = layout.find(path).values()
    usable = [case for case in found if case.labels or case.centroids]
    if not usable:  # many tools write label maps under the scan's own name
        usable = [replace(case, labels=case.ct, ct=None) for case in found if case.ct]
    keyed: dict[str, Case] = {}
    for case in usable:
        key = layout.key(case.name)
        if key in keyed:
            raise BadInputError(f"{path} has {keyed[key].name} and {case.name}; keep one.")
        keyed[key] = case
    return keyed


def _some(named: Mapping[str, Case]) -> str:
    return first_few([case.name for case in named.values()], 3) or "no label map"
