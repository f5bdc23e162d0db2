"""A body as a label map: what a synthetic CT is made from."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from versectl.geometry import Grid

#: What a structure is made of; decides how a CT may show it.
KINDS = (
    "air",  # outside the body
    "beyond",  # far from all that is labelled: tissue or air, nobody knows
    "tissue",  # unlabelled: muscle and fat, mixed at random
    "vertebra",
    "bone",
    "cartilage",
    "disc",
    "canal",  # spinal cord and what surrounds it
    "brain",
    "muscle",
    "fat",
    "organ",
    "vessel",
    "lung",
    "gas",  # in bowel, stomach, trachea
    "table",
    "clothing",
)


@dataclass(frozen=True)
class Body:
    """Structures of a body on a grid.

    structures : uint8 (z, y, x); vertebrae carry their VerSe labels, other structures numbers
        from 30 on, 0 is what is not labelled.
    kinds : number of every structure that is there -> one of KINDS; has an entry for 0.
    centroids_mm : label -> centre of the vertebral body in the world, (3,), for every vertebra
        that lies completely on the grid.
    """

    structures: np.ndarray
    grid: Grid
    kinds: Mapping[int, str]
    centroids_mm: Mapping[int, np.ndarray]

    @property
    def has_other_bones(self) -> bool:
        """Whether it shows any bone but vertebrae."""
        return "bone" in self.kinds.values()
