"""The build of a body: what distinguishes one from another, apart from its posture."""

from dataclasses import dataclass

import numpy as np

from versectl.synth.bodies.vertebra import Person, sample_person

#: chosen: standard deviations of sizes beside an average adult's.
CHEST_WIDTH_SD, CHEST_DEPTH_SD, HIP_WIDTH_SD = 0.06, 0.07, 0.05

#: chosen: how steeply ribs fall, beside the usual; length of the last rib; bend of the sacrum.
RIB_DROP, LAST_RIB, SACRAL_BEND = (0.8, 1.15), (0.15, 1.15), (0.6, 1.3)

#: chosen: standard deviations, to the side and to the front, and most of `rib_lift`; of
#: `head_height`; most of `rib_shift`.
RIB_LIFT_SD, MOST_RIB_LIFT = (0.2, 0.15), 0.4
HEAD_HEIGHT_SD, MOST_HEAD_HEIGHT = 0.08, 0.16
MOST_RIB_SHIFT = 2

#: chosen: shares of people with ribs at C7, on both sides or one; with first ribs that end short;
#: with one arm raised and the other not.
NECK_RIBS, STUNTED, ONE_ARM = 0.04, 0.05, 0.1

#: chosen: lengths of ribs of C7 and of first ribs that end short, beside a usual first rib; share
#: of the people with ribs at C7 who have none on the left, and of those who have none on the right.
NECK_RIB, SHORT_RIB, ONE_SIDED = (0.1, 0.9), (0.3, 0.8), 0.25

#: chosen: shares of scans with the arms in view, with raised arms, with a table, of clothed people.
ARMS, ARMS_UP, TABLE, CLOTHED = 0.8, 0.6, 0.8, 0.4

#: chosen: fat below the skin: shape and scale of a gamma distribution, least and most in mm.
FAT_SHAPE, FAT_SCALE_MM, FAT_MM = 2.2, 7.0, (3, 55)

#: chosen: how far the belly stands out in mm: by itself, and for each mm of fat, up to so much.
BELLY_MM, BELLY_PER_FAT, BELLY_MOST_FAT_MM = (-15, 20), 0.8, 50

#: Standard deviation of the height of lower corners of shoulder blades in three label maps.
SHOULDERS_SD_MM = 10.0


@dataclass(frozen=True)
class Build:
    """What distinguishes one body from another, apart from its posture.

    rib_lift : mm that ribs rise for each mm to the side and to the front beyond their heads, more
        than usual: breath and raised arms lift them, a bent back lets them hang.
    rib_shift : how many levels farther down ribs that have neighbours of much the same form find
        their like: their form tells the level no better than that.
    head_height : how much higher than usual heads of ribs lie, as a share of their body's height.
    first_ribs, neck_ribs : lengths, left and right, beside a usual first rib; of C7's 0 where it
        has none.
    shoulders_mm : how much higher than usual the shoulders lie.
    arms_up : whether the left and the right arm are raised.
    """

    person: Person
    chest_width: float
    chest_depth: float
    rib_drop: float
    rib_lift: tuple[float, float]
    rib_shift: float
    head_height: float
    first_ribs: tuple[float, float]
    neck_ribs: tuple[float, float]
    last_rib: float
    arms_up: tuple[bool, bool]
    arms: bool
    table: bool
    clothes: bool
    fat_mm: float
    belly_mm: float
    hip_width: float
    shoulders_mm: float
    sacral_bend: float


def sample_build(rng: np.random.Generator) -> Build:
    """A random body build."""
    fat = float(rng.gamma(FAT_SHAPE, FAT_SCALE_MM))
    return Build(
        person=sample_person(rng),
        chest_width=rng.normal(1, CHEST_WIDTH_SD),
        chest_depth=rng.normal(1, CHEST_DEPTH_SD),
        rib_drop=rng.uniform(*RIB_DROP),
        rib_lift=tuple(np.clip(rng.normal(0, RIB_LIFT_SD), -MOST_RIB_LIFT, MOST_RIB_LIFT)),
        rib_shift=rng.uniform(-MOST_RIB_SHIFT, MOST_RIB_SHIFT),
        head_height=np.clip(rng.normal(0, HEAD_HEIGHT_SD), -MOST_HEAD_HEIGHT, MOST_HEAD_HEIGHT),
        first_ribs=_sample_first_ribs(rng),
        neck_ribs=_sample_neck_ribs(rng),
        last_rib=rng.uniform(*LAST_RIB),
        arms_up=_sample_arms(rng),
        arms=rng.random() < ARMS,
        table=rng.random() < TABLE,
        clothes=rng.random() < CLOTHED,
        fat_mm=float(np.clip(fat, *FAT_MM)),
        belly_mm=rng.uniform(*BELLY_MM) + BELLY_PER_FAT * min(fat, BELLY_MOST_FAT_MM),
        hip_width=rng.normal(1, HIP_WIDTH_SD),
        shoulders_mm=rng.normal(0, SHOULDERS_SD_MM),
        sacral_bend=rng.uniform(*SACRAL_BEND),
    )


def _sample_first_ribs(rng: np.random.Generator) -> tuple[float, float]:
    if rng.random() > STUNTED:
        return (1.0, 1.0)
    return (rng.uniform(*SHORT_RIB), rng.choice([1.0, rng.uniform(*SHORT_RIB)]))


def _sample_neck_ribs(rng: np.random.Generator) -> tuple[float, float]:
    """From a nub beyond the transverse process to nearly as long as a first rib."""
    if rng.random() > NECK_RIBS:
        return (0.0, 0.0)
    left, right = rng.uniform(*NECK_RIB, 2)
    alone = rng.random()
    return (0.0 if alone < ONE_SIDED else left, 0.0 if alone > 1 - ONE_SIDED else right)


def _sample_arms(rng: np.random.Generator) -> tuple[bool, bool]:
    both = bool(rng.random() < ARMS_UP)
    return (both, both != bool(rng.random() < ONE_ARM))
