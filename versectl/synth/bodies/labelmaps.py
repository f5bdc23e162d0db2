"""Label maps of real anatomy -> bodies: any folder of them, VerSe's numbers or named by a JSON."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from versectl import geometry, labels
from versectl.errors import BadInputError
from versectl.geometry import Grid
from versectl.io import atomic, layout, volume
from versectl.synth.bodies.body import Body

#: What a structure is made of, by a word in its name; first match wins (TotalSegmentator's names).
KIND_OF_NAME = (
    ("cartilage", "cartilage"),
    ("brain", "brain"),
    ("disc", "disc"),
    ("spinal_cord|canal", "canal"),
    ("lung_vessel|aorta|vein|vena|artery|trunk|heart|atrial|pulmonary", "vessel"),
    ("lung", "lung"),
    ("trachea|gas", "gas"),
    (
        "rib|sacrum|coccyx|vertebra|hip|femur|humerus|scapula|clavic|sternum|skull|bone|tibia",
        "bone",
    ),
    ("autochthon|gluteus|iliopsoas|muscle", "muscle"),
    ("soft", "tissue"),
    ("fat", "fat"),
)

#: Numbers without names, as in the VerSe masks.
UNNAMED = {**labels.NAMES, 26: "sacrum", 27: "coccyx"}

C1 = labels.NUMBERS["C1"]

#: Structures that are no vertebrae are numbered from here.
FIRST_OTHER = 30

#: chosen: voxels farther than this from everything labelled may be outside the body.
BEYOND_MM = 40.0

#: The structure so far away; see Body.
BEYOND = 29

#: Next neighbours differ less in volume: 0.63 is the least of 118 pairs of whole vertebrae in
#: eleven label maps here; L1 of totalseg_s0006, which is cut, has 0.598, fragments 0.3 at most.
FRAGMENT = 0.6

#: chosen: share of a vertebra's voxels that its largest piece has, at least. In twelve label maps
#: here it is 0.99 or more, but 0.50 in T5 of totalseg_s0011, whose T4 to T6 are mixed.
ONE_PIECE = 0.9

#: chosen: finest and coarsest spacing bodies are kept at.
SPACING_MM = (1.0, 1.5)


def find(folder: Path) -> list[Path]:
    """The label maps in a folder; BadInputError when there is none."""
    found = [case.labels for case in layout.find(folder).values() if case.labels is not None]
    if not found:
        raise BadInputError(
            f"{folder} holds no label map; name them *_labels.nii.gz or *_seg.nii.gz."
        )
    return found


def read(path: Path) -> Body:
    """A label map as a body: on a grid along the world axes, its vertebrae by VerSe's numbers.

    A JSON of the same name ({"20": "vertebrae_L1", "81": "rib_left_10", ...}) says what the
    numbers are; without one they are VerSe's. Structures that are wrong in the map are listed by
    name under "exclude" ({"exclude": ["vertebrae_T4"]}): the body is the longest part of the map
    that shows none of them, and no vertebra in pieces or beside one. BadInputError when no whole
    vertebra is left, the JSON is not valid, or it does not name what it excludes.
    """
    image = volume.read_labels(path)
    names, excluded = _description(path)
    numbers, kinds = _numbering(names)
    renumber = np.zeros(256, np.uint8)
    renumber[list(numbers)] = list(numbers.values())
    renumbered = geometry.from_array(renumber[geometry.to_array(image)], image)
    grid = _grid(renumbered, path)
    # LabelLinear has no staircase between thick slices, as nearest neighbour has.
    upright = geometry.resample(renumbered, grid, sitk.sitkLabelLinear, 0)
    structures = geometry.to_array(upright)
    wrong = {numbers[number] for number in excluded} | _mixed(structures)
    structures, grid = _without(structures, grid, wrong)
    centroids_mm = body_centers_mm(structures, grid) if structures.size else {}
    if not centroids_mm:
        raise BadInputError(f"{path} shows no whole vertebra apart from excluded or broken ones.")
    far = ndimage.distance_transform_edt(structures[::2, ::2, ::2] == 0) * 2 * grid.spacing_mm[0]
    far = far.repeat(2, 0).repeat(2, 1).repeat(2, 2)[tuple(map(slice, structures.shape))]
    structures[(structures == 0) & (far > BEYOND_MM)] = BEYOND
    kinds = {**kinds, 0: "tissue", BEYOND: "beyond"}
    shown = set(np.unique(structures).tolist()) | {0}
    return Body(structures, grid, {n: k for n, k in kinds.items() if n in shown}, centroids_mm)


def body_centers_mm(structures: np.ndarray, grid: Grid) -> dict[int, np.ndarray]:
    """Label -> centre of the vertebral body (3,) of every vertebra the border does not cut."""
    fragments = _fragments(structures)
    return {
        label: body_center_mm(structures, label, grid)
        for label, where in enumerate(ndimage.find_objects(structures, max_label=28), start=1)
        if label in labels.NAMES and where is not None and label not in fragments
        if not _is_cut(structures, where, label)
    }


def body_center_mm(structures: np.ndarray, label: int, grid: Grid) -> np.ndarray:
    """Centre of the body of a vertebra in a label map (z, y, x), in the world, (3,).

    The body is where a vertebra is thickest: the centre of mass of the depth below the surface
    to a high power lies in it, 1 mm (median) from the centroids of four official VerSe files
    (35 of 37 within 3 mm). C1 has no body; a lower power keeps both lateral masses.
    """
    where = ndimage.find_objects((structures == label).astype(np.uint8))[0]
    mask = np.pad(structures[where] == label, 1)
    depth = ndimage.distance_transform_edt(mask, sampling=grid.spacing_mm[::-1])
    middle = ndimage.center_of_mass((depth / depth.max()) ** (4 if label == C1 else 8))
    zyx = [m - 1 + s.start for m, s in zip(middle, where, strict=True)]
    return grid.to_mm(np.array(zyx[::-1]))


def _fragments(structures: np.ndarray) -> set[int]:
    """The first and the last vertebra, where it is too small beside the next one to be whole.

    A label map may end within a vertebra without ending there itself.
    """
    counts = np.bincount(structures.ravel(), minlength=256)
    there = [label for label in labels.ORDER if counts[label]]
    ends = ((there[0], there[1]), (there[-1], there[-2])) if len(there) > 1 else ()
    return {end for end, beside in ends if counts[end] < FRAGMENT * counts[beside]}


def _mixed(structures: np.ndarray) -> set[int]:
    """Vertebrae in pieces, and those beside them, which have their voxels or gave them theirs.

    The border may leave pieces of the first and of the last vertebra.
    """
    found = ndimage.find_objects(structures, max_label=max(labels.NAMES))
    there = [label for label in labels.ORDER if found[label - 1] is not None]
    return {
        each
        for at, label in enumerate(there[1:-1], start=1)
        if _largest_share(structures[found[label - 1]] == label) < ONE_PIECE
        for each in there[at - 1 : at + 2]
    }


def _largest_share(mask: np.ndarray) -> float:
    """Share of a mask's voxels that lie in its largest piece."""
    largest = geometry.largest_piece(mask, connectivity=3)
    return float(np.count_nonzero(largest) / np.count_nonzero(mask))


def _is_cut(structures: np.ndarray, where: tuple[slice, ...], label: int) -> bool:
    """Whether the border cuts more than the tips of processes off."""
    on_border = 0
    for axis, (part, size) in enumerate(zip(where, structures.shape, strict=True)):
        for at in {part.start, part.stop - 1} & {0, size - 1}:
            on_border += int(np.count_nonzero(structures.take(at, axis) == label))
    surface = np.count_nonzero(structures[where] == label) ** (2 / 3)
    return bool(on_border > 0.1 * surface)


def description_of(path: Path) -> Path:
    """The JSON that names a label map's structures; it need not be there."""
    return path.with_name(path.name.removesuffix(layout.suffix(path.name) or "") + ".json")


def _description(path: Path) -> tuple[dict[int, str], list[int]]:
    """Names of the numbers in a label map, and the numbers that are to be left out."""
    beside = description_of(path)
    if not beside.is_file():
        return UNNAMED, []
    content = atomic.read_given_json(beside)
    if not isinstance(content, dict) or not all(map(_is_number, content.keys() - {"exclude"})):
        raise BadInputError(
            f'{beside} does not name the structures of {path.name}: {{"20": "vertebrae_L1"}}; give '
            "it another name if it is about something else."
        )
    wrong = content.pop("exclude", [])
    names = {int(number): str(name) for number, name in content.items()} or UNNAMED
    unknown = sorted(set(wrong) - set(names.values()))
    if unknown:
        raise BadInputError(
            f"{beside} excludes {unknown[0]!r}, which is not one of its structures."
        )
    return names, [number for number, name in names.items() if name in wrong]


def _is_number(key: str) -> bool:
    """Whether a JSON's key is a number that a label map can hold."""
    return key.isdecimal() and int(key) < 256


def _without(
    structures: np.ndarray, grid: Grid, excluded: Collection[int]
) -> tuple[np.ndarray, Grid]:
    """The longest part along z of structures (z, y, x) that shows none of these, and its grid.

    It may have no slices.
    """
    shown = np.isin(structures, list(excluded)).any(axis=(1, 2))
    if not shown.any():
        return structures, grid
    ends = np.flatnonzero(np.concatenate([[True], shown, [True]]))
    longest = int(np.argmax(np.diff(ends)))
    first, last = int(ends[longest]), int(ends[longest + 1]) - 1
    low_mm = grid.origin_mm[2] + first * grid.spacing_mm[2]
    size_vox = (*grid.size_vox[:2], last - first)
    kept = Grid(size_vox, grid.spacing_mm, (*grid.origin_mm[:2], low_mm))
    return np.ascontiguousarray(structures[first:last]), kept


def _numbering(names: Mapping[int, str]) -> tuple[dict[int, int], dict[int, str]]:
    """Number in the file -> structure number, and structure number -> kind."""
    numbers: dict[int, int] = {}
    kinds: dict[int, str] = {}
    for number, name in names.items():
        level = re.fullmatch(r"(?:vertebrae?_)?([CTL]\d+)", name)
        if level and level[1] in labels.NUMBERS:
            numbers[number], kind = labels.NUMBERS[level[1]], "vertebra"
        else:
            numbers[number] = FIRST_OTHER + sum(k != "vertebra" for k in kinds.values())
            kind = next((k for words, k in KIND_OF_NAME if re.search(words, name)), "organ")
        kinds[numbers[number]] = kind
    return numbers, kinds


def _grid(image: sitk.Image, path: Path) -> Grid:
    """A cubic grid along the world axes round what is labelled, with room beyond it."""
    labelled = sitk.LabelStatisticsImageFilter()
    labelled.Execute(image, sitk.Greater(image, 0))
    if not labelled.HasLabel(1):
        raise BadInputError(f"{path} has no label; it cannot become a body.")
    first, last = np.array(labelled.GetBoundingBox(1)).reshape(3, 2).T
    ends_mm = geometry.to_mm(image, first + geometry.CORNERS * (last - first))
    low_mm, high_mm = geometry.extent(image)
    low_mm = np.maximum(low_mm, ends_mm.min(axis=0) - BEYOND_MM)
    high_mm = np.minimum(high_mm, ends_mm.max(axis=0) + BEYOND_MM)
    spacing_mm = float(np.clip(min(image.GetSpacing()), *SPACING_MM))
    size_vox = np.ceil((high_mm - low_mm) / spacing_mm).astype(int) + 1
    return Grid(tuple(size_vox.tolist()), (spacing_mm,) * 3, tuple(low_mm.tolist()))
