"""The first two vertebrae, which are unlike all others: the atlas, and what the axis has on top.

Radii, of an average adult, and coordinates are chosen.
"""

import numpy as np

from versectl.synth.bodies.shapes import Points, bar, ellipsoid, soft_union
from versectl.synth.bodies.vertebra.fit import Fit
from versectl.synth.bodies.vertebra.look import Look

#: chosen: height of the joints with the atlas where these are not known.
JOINTS_MM = 9.5

#: chosen: the dens, from within the body to so far above the joints; its radii at either end.
DENS_MM, DENS_ABOVE_JOINTS_MM, DENS_RADII_MM = ((0, 0.5, 4), (0, -0.2)), 11.0, (6.0, 4.6)

#: chosen: the atlas' lateral mass, its half axes; parts of the ring, each from one end to another.
MASS_MM, MASS_HALF_MM = (19.5, 9.5, 0), (8.8, 11, 8.5)
FRONT_MM = ((15, 1.0, 0), (0, -5.0, 0))
SIDE_MM = ((20, 17, 0), (16.5, 28, -0.5))
BACK_FROM_MM, WING_FROM_MM = (16.5, 28, -0.5), (24, 10, 0)

#: chosen: where the ring leaves room for the dens, and the radii of that room.
ROOM_MM, ROOM_RADII_MM = ((0, 4.8, -14), (0, 4.8, 6.5)), (7.0, 6.4)


def dens_and_shoulders(look: Look, fit: Fit, p: Points) -> np.ndarray:
    """What the second vertebra has on top: shoulders up to the joints, the dens between them."""
    k = look.thickness
    heights = [joint.center[2] for joint in fit.upper_joints]
    top = float(np.mean(heights)) if heights else JOINTS_MM
    mirrored = (np.abs(p[0]), p[1], p[2])
    shoulder = bar(mirrored, (14.0 * k, 4.0, 1.0), (15.5 * k, 4.5, top - 4.0), (6.5 * k, 7.5 * k))
    foot, (x, y) = DENS_MM
    tip = (x, y, top + DENS_ABOVE_JOINTS_MM)
    dens = bar(p, foot, tip, tuple(radius * k for radius in DENS_RADII_MM))
    return soft_union(dens, shoulder, 4.0)


def atlas(look: Look, p: Points) -> np.ndarray:
    """Ring of the first vertebra; x is mirrored."""
    k = look.thickness
    x, y, z = look.wing_tip
    rear = look.spine_tip[1]
    mass = ellipsoid(p, MASS_MM, tuple(half * k for half in MASS_HALF_MM))
    front = bar(p, *FRONT_MM, (3.2 * k, 3.3 * k), (1, 1, 1.7))
    side = bar(p, *SIDE_MM, (3.6 * k, 3.0 * k), (1, 1, 1.2))
    back = bar(p, BACK_FROM_MM, (0, rear - 3, -1), (3.0 * k, 3.6 * k), (1, 1, 1.4))
    wing = bar(p, WING_FROM_MM, (x - 3, y, z), (4.5 * k, 3.6 * k))
    ring = soft_union(soft_union(mass, front), soft_union(side, back, 3.0))
    ring = soft_union(ring, wing)
    dens = bar(p, *ROOM_MM, ROOM_RADII_MM)
    return np.maximum(ring, -dens)
