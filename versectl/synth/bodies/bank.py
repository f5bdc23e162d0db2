"""Bodies kept on disk, so that building one, which takes seconds, is done once.

A file's name holds what the body was made of: one made of a label map that was corrected since is
built again.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from versectl.geometry import Grid
from versectl.io.atomic import replacing, sha256, write_json
from versectl.synth.bodies import anatomy, labelmaps, posture
from versectl.synth.bodies.body import Body
from versectl.synth.bodies.vertebra import cast
from versectl.synth.bodies.vertebra.cast import Cast


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


class Wanted(NamedTuple):
    """A body that is no label map: its kind, "parametric" or "posed", and its number."""

    kind: str
    number: int


def prepare(folder: Path, plan: Plan, each: Callable[..., Iterable[Path]] = map) -> list[Path]:
    """A file per body; bodies that are there already are kept.

    each : as `map`, which builds one body after the other; a pool's builds many at a time.
    """
    maps = labelmaps.find(plan.label_folder) if plan.label_folder else []
    mapped = tuple(each(partial(_from_map, folder), maps))
    kinds = ("parametric", "posed") if maps else ("parametric",)
    wanted = [Wanted(kind, number) for kind in kinds for number in range(plan.count)]
    return [*mapped, *each(partial(_built, folder, plan, mapped), wanted)]


def _from_map(folder: Path, path: Path) -> Path:
    made_of = [file for file in (path, labelmaps.description_of(path)) if file.is_file()]
    name = f"labels-{path.name.split('.')[0]}-{_key(map(sha256, made_of))}"
    return _kept(folder, name, partial(labelmaps.read, path))


def _built(folder: Path, plan: Plan, mapped: tuple[Path, ...], wanted: Wanted) -> Path:
    """File of a parametric body, which may have casts of the vertebrae of label maps."""
    kind, number = wanted

    def build() -> Body:
        rng = np.random.default_rng([plan.seed, number, kind == "posed"])
        casts = cast.blend(_people(mapped), rng) if kind == "posed" else None
        return anatomy.build(posture.sample(rng), rng, plan.spacing_mm, casts)

    name = f"{kind}-{plan.seed}-{number:03d}"
    casts_of = f"-{_key(file.name for file in mapped)}" if kind == "posed" else ""
    return _kept(folder, name + casts_of, build)


def _key(contents: Iterable[str]) -> str:
    """Twelve hex digits that stand for these texts."""
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _people(mapped: tuple[Path, ...]) -> list[dict[int, Cast]]:
    """Casts of the vertebrae of every label map."""
    return [cast.take(load(file)) for file in mapped]


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
