"""Bodies kept on disk, so that building one, which takes seconds, is done once."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from versectl.geometry import Grid
from versectl.io.atomic import replacing, write_json
from versectl.synth.bodies import anatomy, cast, labelmaps, posture
from versectl.synth.bodies.body import Body
from versectl.synth.bodies.cast import Cast


@dataclass(frozen=True)
class Plan:
    """Which bodies a bank is to hold.

    count : so many parametric bodies; with label maps, so many more whose vertebrae are casts of
        the label maps' own.
    spacing_mm : of these; label maps keep theirs.
    label_folder : every label map in it becomes a body as it is.
    """

    count: int
    seed: int
    spacing_mm: float
    label_folder: Path | None = None


def prepare(folder: Path, plan: Plan) -> list[Path]:
    """A file per body; bodies that are there already are kept."""
    maps = labelmaps.find(plan.label_folder) if plan.label_folder else []
    mapped = [
        _kept(folder, f"labels-{p.name.split('.')[0]}", partial(labelmaps.read, p)) for p in maps
    ]

    @cache
    def people() -> list[dict[int, Cast]]:
        return [cast.take(load(file)) for file in mapped]

    def build(number: int, *, posed: bool) -> Body:
        rng = np.random.default_rng([plan.seed, number, posed])
        casts = cast.blend(people(), rng) if posed else None
        return anatomy.build(posture.sample(rng), rng, plan.spacing_mm, casts)

    made = [
        _kept(folder, f"{kind}-{plan.seed}-{i:03d}", partial(build, i, posed=kind == "posed"))
        for kind in (("parametric", "posed") if maps else ("parametric",))
        for i in range(plan.count)
    ]
    return mapped + made


def kind(file: Path) -> str:
    """Where a body of the bank comes from: "labels", "posed" or "parametric"."""
    return file.name.split("-")[0]


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


def _kept(folder: Path, name: str, make: Callable[[], Body]) -> Path:
    file = folder / f"{name}.json"
    if not file.is_file():
        save(make(), file)
    return file
