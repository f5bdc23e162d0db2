"""Bodies kept on disk, so that building one, which takes seconds, is done once."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from versectl.files import replacing, write_json
from versectl.synth import anatomy, labelmaps, posture
from versectl.synth.body import Body
from versectl.volume import Grid

#: chosen: fine enough for the stages at 8 and 2 mm, and quick to build.
PARAMETRIC_MM = 2.0


def prepare(folder: Path, count: int, seed: int, label_folder: Path | None) -> list[Path]:
    """A file per body: `count` parametric ones, and every label map of a folder.

    Bodies that are there already are kept.
    """
    makers = {f"parametric-{seed}-{i:03d}": _parametric(seed, i) for i in range(count)}
    for path in labelmaps.find(label_folder) if label_folder else ():
        makers[f"labels-{path.name.split('.')[0]}"] = lambda path=path: labelmaps.read(path)
    files = [folder / f"{name}.json" for name in makers]
    for file, make in zip(files, makers.values(), strict=True):
        if not file.is_file():
            save(make(), file)
    return files


def is_label_map(file: Path) -> bool:
    """Whether a body of the bank comes from a label map; else it is parametric."""
    return file.name.startswith("labels-")


def save(body: Body, path: Path) -> None:
    """Write a body: its structures as <name>.npy, and then the rest as <name>.json."""
    with replacing(path.with_suffix(".npy"), ".npy") as temporary:
        np.save(temporary, body.structures)
    grid = body.grid
    write_json(
        {
            "spacing_mm": grid.spacing_mm,
            "origin_mm": grid.origin_mm,
            "kinds": body.kinds,
            "centroids_mm": {k: np.asarray(p).tolist() for k, p in body.centroids_mm.items()},
        },
        path,
    )


def load(path: Path) -> Body:
    """A body; its structures stay on disk until looked at, so processes share them."""
    content = json.loads(path.read_text())
    structures = np.load(path.with_suffix(".npy"), mmap_mode="r")
    return Body(
        structures,
        Grid(structures.shape[::-1], tuple(content["spacing_mm"]), tuple(content["origin_mm"])),
        {int(number): kind for number, kind in content["kinds"].items()},
        {int(label): np.array(point) for label, point in content["centroids_mm"].items()},
    )


def _parametric(seed: int, index: int) -> Callable[[], Body]:
    def make() -> Body:
        rng = np.random.default_rng([seed, index])
        return anatomy.build(posture.sample(rng), rng, PARAMETRIC_MM)

    return make
