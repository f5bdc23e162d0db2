"""How high bones and organs lie beside the spine: parametric bodies against real label maps.

    python -m benchmarks.priors.compare_heights LABELMAPS [COUNT]

LABELMAPS has label maps with TotalSegmentator's names in a JSON beside them; COUNT bodies are
drawn. Prints, in mm above the centre of a vertebra, mean and standard deviation between people.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from benchmarks import markdown
from versectl import geometry, labels
from versectl.geometry import Grid
from versectl.io import volume
from versectl.synth.bodies import anatomy, labelmaps, posture
from versectl.synth.bodies.structures import NUMBER

#: What is compared: name here, names in the label maps, upper (1) or lower (-1) edge or middle (0),
#: against which vertebra.
ROWS = (
    ("hip_left", ("hip_left",), 1, "L5"),
    ("hip_right", ("hip_right",), 1, "L5"),
    ("sacrum", ("sacrum", "vertebrae_S1"), 1, "L5"),
    ("sternum", ("sternum",), 1, "T2"),
    ("sternum", ("sternum",), -1, "T9"),
    ("scapula_left", ("scapula_left",), -1, "T7"),
    ("scapula_right", ("scapula_right",), -1, "T7"),
    ("clavicle_left", ("clavicula_left",), -1, "T3"),
    ("lung_left", ("lung_upper_lobe_left", "lung_lower_lobe_left"), 1, "T2"),
    ("lung_left", ("lung_upper_lobe_left", "lung_lower_lobe_left"), -1, "L1"),
    ("kidney_left", ("kidney_left",), 0, "L1"),
    ("kidney_right", ("kidney_right",), 0, "L1"),
    ("liver", ("liver",), 1, "T9"),
    ("liver", ("liver",), -1, "L2"),
    ("spleen", ("spleen",), 0, "T11"),
    ("heart", ("heart",), -1, "T10"),
    ("gluteal_left", ("gluteus_maximus_left", "gluteus_medius_left"), 1, "L5"),
)

EDGES = {1: "upper edge", 0: "middle", -1: "lower edge"}

#: chosen: fine enough for edges, and drawn in 2 s.
SPACING_MM = 3.0

#: chosen: fewer voxels are a remnant.
FEWEST = 100

Heights = dict[tuple[str, int], float]  # structure and edge -> mm above its vertebra


def main(folder: Path, count: int) -> None:
    """Print a row per structure."""
    real = [of_map(path) for path in labelmaps.find(folder) if _names(path)]
    drawn = [of_drawn(number) for number in range(count)]
    head = ("structure", "against", "people", "label maps", "drawn", "difference")
    print(*markdown.head(head), sep="\n")
    for name, _, edge, level in ROWS:
        known, made = ([h[name, edge] for h in each if (name, edge) in h] for each in (real, drawn))
        if known and made:
            off = np.mean(made) - np.mean(known)
            cells = (f"{np.mean(each):+.0f} ± {np.std(each):.0f}" for each in (known, made))
            what = f"{name}, {EDGES[edge]}"
            print(markdown.row([what, level, len(known), *cells, f"{off:+.0f}"]))


def of_map(path: Path) -> Heights:
    """Heights in a label map."""
    image = geometry.turned(volume.read_labels(path))
    grid = Grid.of(image)
    structures = sitk.GetArrayViewFromImage(image)
    numbers = {name: number for number, name in _names(path).items()}
    centers_mm = {
        level: labelmaps.body_center_mm(structures, numbers[f"vertebrae_{level}"], grid)
        for level in {level for *_, level in ROWS}
        if _edge(structures, grid, [numbers.get(f"vertebrae_{level}", -1)], 0) is not None
    }
    members = {row[0]: [numbers[n] for n in row[1] if n in numbers] for row in ROWS}
    return heights(structures, grid, members, centers_mm)


def of_drawn(number: int) -> Heights:
    """Heights in a parametric body."""
    rng = np.random.default_rng([77, number])
    body = anatomy.build(posture.sample(rng), rng, SPACING_MM)
    centers_mm = {labels.NAMES[label]: at for label, at in body.centroids_mm.items()}
    members = {row[0]: [NUMBER[row[0]]] for row in ROWS}
    return heights(body.structures, body.grid, members, centers_mm)


def heights(
    structures: np.ndarray,
    grid: Grid,
    members: Mapping[str, Iterable[int]],
    centers_mm: Mapping[str, np.ndarray],
) -> Heights:
    """The heights of ROWS that can be measured. members : numbers of each structure."""
    found = {}
    for name, _, edge, level in ROWS:
        at_mm = _edge(structures, grid, list(members[name]), edge)
        if at_mm is not None and level in centers_mm:
            found[name, edge] = at_mm - float(centers_mm[level][2])
    return found


def _edge(structures: np.ndarray, grid: Grid, members: list[int], edge: int) -> float | None:
    """World z in mm of a structure's edge or middle; None where it is not there, or is cut."""
    counts = np.isin(structures, members).sum(axis=(1, 2))
    slices = np.flatnonzero(counts)
    cut_below, cut_above = counts[:2].any(), counts[-2:].any()
    if counts.sum() < FEWEST or (edge <= 0 and cut_below) or (edge >= 0 and cut_above):
        return None
    middle = (counts * np.arange(len(counts))).sum() / counts.sum()
    at = {1: slices[-1] + 0.5, 0: middle, -1: slices[0] - 0.5}[edge]
    return float(grid.origin_mm[2] + grid.spacing_mm[2] * at)


def _names(path: Path) -> dict[int, str]:
    """Names of a label map's numbers; none without a JSON."""
    beside = labelmaps.description_of(path)
    content = json.loads(beside.read_text()) if beside.is_file() else {}
    return {int(number): name for number, name in content.items() if number.isdigit()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 40)
