"""Skin, fat, muscle, lungs and organs: everything that is neither bone nor disc."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from versectl.labels import NUMBERS
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import (
    Canvas,
    Frame,
    Points,
    World,
    ellipsoid,
    paint_over,
    stamp,
    tube,
)
from versectl.synth.bodies.skeleton import Build, head_frame, pelvis, trunk
from versectl.synth.bodies.structures import NUMBER

N_ANGLES = 72
Z_STEP_MM = 6.0

#: chosen: how far clothes stand off the skin, at most.
LOOSEST_MM = 8.0


@dataclass(frozen=True)
class Wall:
    """The chest and belly wall in polar coordinates round an axis along the trunk.

    z_mm : (n,) from low to high; axis_mm : x, y of the axis at each z, (n, 2); spine_mm : x, y of
    the vertebral bodies, (n, 2); radius_mm : outer face of the ribs by z and angle, (n, N_ANGLES),
    the angle running from posterior over left.
    """

    z_mm: np.ndarray
    axis_mm: np.ndarray
    spine_mm: np.ndarray
    radius_mm: np.ndarray


@dataclass(frozen=True)
class Heights:
    """World z in mm of what bounds the cavities of the trunk."""

    apex: float
    dome_right: float
    dome_left: float
    recess_back: float
    recess_front: float
    floor: float


def make_wall(
    spine: Spine, build: Build, curves: Mapping[tuple[int, int], np.ndarray], z_range_mm: np.ndarray
) -> Wall:
    """The wall through the ribs, continued over neck, belly and hips."""
    z = np.arange(z_range_mm[0], z_range_mm[1] + Z_STEP_MM, Z_STEP_MM)
    centers = np.concatenate([spine.centers_mm, [pelvis(spine).center_mm]])[::-1]
    at = [np.interp(z, centers[:, 2], centers[:, k]) for k in (0, 1)]
    spine_mm = _smooth_rows(np.stack(at, axis=1), 6)
    forward = np.interp(z, *_forward(spine))[:, None] * np.array([0.0, -1.0])
    axis_mm = _smooth_rows(spine_mm, 10) + forward
    samples = np.concatenate([c[6::5] for c in curves.values()] + _rings(spine, build))
    return Wall(z, axis_mm, spine_mm, _radii(z, axis_mm, samples))


def _forward(spine: Spine) -> tuple[np.ndarray, np.ndarray]:
    """How far the axis of the trunk lies in front of the bodies, by world z."""
    levels = ("L5", "T10", "T4", "T1", "C6", "C2")
    away = np.array([40.0, 50.0, 42.0, 25.0, 8.0, 0.0]) * spine.scale
    z = np.array([trunk(spine, NUMBERS[name]).center_mm[2] for name in levels])
    return z, away


def _smooth_rows(values: np.ndarray, width: int) -> np.ndarray:
    kernel = np.hanning(2 * width + 1)
    kernel /= kernel.sum()
    columns = [np.convolve(np.pad(c, width, mode="edge"), kernel, mode="valid") for c in values.T]
    return np.stack(columns, axis=1)


def _rings(spine: Spine, build: Build) -> list[np.ndarray]:
    """Points of the wall where there are no ribs: neck, belly, hips; and behind the spine."""
    k, belly = spine.scale, 0.6 * build.belly_mm
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rings = [
        _ring(trunk(spine, NUMBERS["C3"]), (62, 58, 62), angles, k),
        _ring(trunk(spine, NUMBERS["C5"]), (60, 52, 62), angles, k),
        _ring(trunk(spine, NUMBERS["C7"]), (72, 58, 62), angles, k),
        _ring(trunk(spine, NUMBERS["L1"]), (128, 132 + 0.5 * belly, 66), angles, k),
        _ring(trunk(spine, NUMBERS["L2"]), (128, 124 + 0.8 * belly, 66), angles, k),
        _ring(trunk(spine, NUMBERS["L3"]), (128, 116 + belly, 67), angles, k),
        _ring(trunk(spine, NUMBERS["L4"]), (131, 111 + belly, 66), angles, k),
    ]
    for down, half_width, front, back in (
        (0, 142, 108 + 0.8 * belly, 72),
        (-45, 152, 108 + 0.5 * belly, 84),
        (-100, 160, 104, 92),
        (-160, 158, 98, 88),
        (-210, 154, 95, 80),
    ):
        hip = pelvis(spine).moved((0, 0, down * k))
        rings.append(_ring(hip, (half_width * build.hip_width, front, back), angles, k))
    rings += [_behind(trunk(spine, label), k) for label in range(8, 20)]
    return rings


def _ring(
    frame: Frame, half_mm: tuple[float, float, float], angles: np.ndarray, size: float
) -> np.ndarray:
    wide, front, back = half_mm
    x, y = np.sin(angles), np.cos(angles)
    power = 0.85  # squarer than an ellipse
    x, y = np.sign(x) * np.abs(x) ** power, np.sign(y) * np.abs(y) ** power
    y = np.where(y > 0, back, front) * y
    return frame.to_world(np.stack([wide * x, y, 0 * x], axis=1) * size)


def _behind(frame: Frame, size: float) -> np.ndarray:
    offsets = [(x, 62 - 0.07 * abs(x), -12) for x in (-70, -50, -30, 0, 30, 50, 70)]
    return frame.to_world(np.repeat(np.array(offsets, float), 2, axis=0) * size)


def _radii(z: np.ndarray, axis_mm: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Kernel average of the samples' distances from the axis, by height and angle."""
    own_axis = np.stack([np.interp(samples[:, 2], z, axis_mm[:, k]) for k in (0, 1)], axis=1)
    away = samples[:, :2] - own_axis
    radius = np.hypot(away[:, 0], away[:, 1])
    angle = np.arctan2(away[:, 0], away[:, 1])
    grid_angle = np.arange(N_ANGLES) * 2 * np.pi / N_ANGLES
    turn = np.angle(np.exp(1j * (grid_angle[:, None] - angle[None])))
    near_angle = np.exp(-0.5 * (turn / 0.17) ** 2)
    near_z = np.exp(-0.5 * ((z[:, None] - samples[None, :, 2]) / 14.0) ** 2)
    far_z = 1e-5 * np.exp(-np.abs(z[:, None] - samples[None, :, 2]) / 25.0)
    near_z = near_z + far_z
    wide_angle = near_angle + 1e-4 * np.exp(-0.5 * (turn / 0.6) ** 2)
    weight = near_z @ wide_angle.T
    return _smooth_rows((near_z @ (wide_angle * radius[None]).T) / weight, 6)


class Depth(NamedTuple):
    """Where the voxels of a window lie in the wall of the trunk, (z, y, x) each.

    depth_mm : below the outer face of the ribs. turn : direction seen from the trunk's axis, in
    parts of N_ANGLES. x_mm, y_mm : beside the vertebral bodies.
    """

    depth_mm: np.ndarray
    turn: np.ndarray
    x_mm: np.ndarray
    y_mm: np.ndarray


def depth_in_wall(wall: Wall, canvas: Canvas, window: tuple[slice, slice, slice]) -> Depth:
    """Where the voxels of a window lie in the wall of the trunk."""
    grid = canvas.grid
    x, y, z = (
        np.arange(s.start, s.stop) * grid.spacing_mm[i] + grid.origin_mm[i]
        for i, s in enumerate(window[::-1])
    )
    row = np.clip((z - wall.z_mm[0]) / Z_STEP_MM, 0, len(wall.z_mm) - 1.001)
    low, part = row.astype(int), (row % 1)[:, None]
    axis, body, radius = (
        (a[low] * (1 - part) + a[low + 1] * part).astype(np.float32)
        for a in (wall.axis_mm, wall.spine_mm, wall.radius_mm)
    )
    dx = x.astype(np.float32)[None, None] - axis[:, 0, None, None]
    dy = y.astype(np.float32)[None, :, None] - axis[:, 1, None, None]
    turn = np.arctan2(dx, dy) * np.float32(N_ANGLES / 2 / np.pi)
    turn += np.float32(N_ANGLES) * (turn < 0)
    left = turn.astype(np.int32)
    weight = turn - left
    left %= N_ANGLES
    rows = np.arange(len(z))[:, None, None]
    edge = radius[rows, left] * (1 - weight) + radius[rows, (left + 1) % N_ANGLES] * weight
    return Depth(
        edge - np.sqrt(dx * dx + dy * dy),
        turn,
        x.astype(np.float32)[None, None] - body[:, 0, None, None],
        y.astype(np.float32)[None, :, None] - body[:, 1, None, None],
    )


def heights(spine: Spine, rng: np.random.Generator) -> Heights:
    """Where the lungs end, the domes of the diaphragm stand, and the belly ends."""
    z = {name: trunk(spine, NUMBERS[name]).center_mm[2] for name in ("T1", "T9", "T12", "L1")}
    breath = rng.uniform(-45, 28)
    return Heights(
        apex=z["T1"] + rng.uniform(-22, 10),
        dome_right=z["T9"] + breath,
        dome_left=z["T9"] + breath - rng.uniform(5, 20),
        recess_back=min(z["L1"] + rng.uniform(-10, 70), z["T9"] + breath - 30),
        recess_front=z["T12"] + rng.uniform(0, 25),
        floor=pelvis(spine).center_mm[2] - 130 * spine.scale,
    )


def paint_trunk(
    canvas: Canvas, spine: Spine, build: Build, how: tuple[Wall, np.random.Generator]
) -> None:
    """Fat, wall muscles, paraspinal muscles, lungs and what fills the cavities, slab by slab."""
    wall, rng = how
    levels = heights(spine, rng)
    fat = build.fat_mm * (1 + 0.3 * np.cos(np.arange(N_ANGLES + 1) * 2 * np.pi / N_ANGLES))
    fat = fat.astype(np.float32)
    back_mm = back_plane(spine, build)
    slab = 48
    for first in range(0, canvas.structures.shape[0], slab):
        z = slice(first, min(first + slab, canvas.structures.shape[0]))
        window = (z, slice(0, canvas.grid.size_vox[1]), slice(0, canvas.grid.size_vox[0]))
        _paint_slab(canvas, window, Inside(wall, levels, fat, spine.scale))
    y = np.arange(canvas.grid.size_vox[1]) * canvas.grid.spacing_mm[1] + canvas.grid.origin_mm[1]
    canvas.structures[:, y > back_mm] = 0


def back_plane(spine: Spine, build: Build) -> float:
    """World y of the skin pressed flat by the table."""
    tips = [trunk(spine, label).to_world([0, 62 * spine.scale, -10])[1] for label in range(9, 20)]
    sacrum = pelvis(spine).to_world(np.array([0, 90, -60]) * spine.scale)[1]
    return float(max(max(tips), sacrum) + 4 + 0.45 * build.fat_mm)


class Inside(NamedTuple):
    """What decides how the trunk is filled: its wall, heights, fat in mm by angle, and scale."""

    wall: Wall
    levels: Heights
    fat_mm: np.ndarray
    scale: float


def _paint_slab(canvas: Canvas, window: tuple[slice, slice, slice], trunk_of: Inside) -> None:
    wall, levels, fat, size = trunk_of
    depth, turn, x, y = depth_in_wall(wall, canvas, window)
    slices = np.arange(window[0].start, window[0].stop)
    z_mm = canvas.grid.origin_mm[2] + canvas.grid.spacing_mm[2] * slices
    z = z_mm.astype(np.float32)[:, None, None]
    part = canvas.structures[window]
    outer = np.float32(7.0)
    part[depth > -outer - fat[turn.astype(np.int32)]] = NUMBER["fat"]
    part[depth > -outer] = NUMBER["muscle"]
    inside = depth > 7
    behind = y > 30 * size
    left = np.broadcast_to(x > 0, depth.shape)
    across, along = np.abs(x) / np.float32(size), y / np.float32(size)
    beside = ((across - 30) / 34) ** 2 + ((along - 44) / 30) ** 2 < 1
    beside |= (across < 20) & (along > 12)
    beside &= depth > -outer
    for name, side in (("left", left), ("right", ~left)):
        part[beside & side] = NUMBER[f"paraspinal_{name}"]
    cavity = inside & ~beside & ((~behind) | (across > 34)) & (z < levels.apex)
    part[cavity] = NUMBER["viscera"]
    part[inside & (z < levels.floor)] = NUMBER["muscle"]
    floor = _diaphragm(levels, depth, x, y)
    dome = 16 * np.clip((z - levels.apex + 40) / 40, 0, 1) ** 2
    lung = cavity & (z > floor) & (depth > 8 + dome) & ~_mediastinum(x, y, size)
    part[lung & left] = NUMBER["lung_left"]
    part[lung & ~left] = NUMBER["lung_right"]


def _diaphragm(levels: Heights, depth: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the diaphragm: domes in the middle of each side, low along the wall."""
    dome = np.where(x < 0, levels.dome_right, levels.dome_left).astype(np.float32)
    front = np.clip(-y / 120, 0, 1)
    low = levels.recess_back + (levels.recess_front + 40 - levels.recess_back) * front
    return dome - (dome - low) * np.exp(-np.maximum(depth - 6, 0) / 22)


def _mediastinum(x: np.ndarray, y: np.ndarray, size: float) -> np.ndarray:
    """The strip between the lungs: spine and vessels behind, fat and heart in front."""
    half = np.interp(y, (-110, -80, -20, 5, 30), (10, 22, 24, 23, 26))
    return np.abs(x) < half.astype(np.float32) * size


def paint_neck_and_head(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Skin and muscle of head, neck and shoulders."""
    frame, k = head_frame(spine), spine.scale**0.5
    fat, muscle = NUMBER["fat"], NUMBER["muscle"]
    skull = frame.moved((0, 3 * k, 84 * k))
    solids = (
        (fat, skull, (82, 101, 78)),
        (fat, frame.moved((0, -52 * k, 0)), (66, 52, 66)),
        (muscle, skull, (78, 97, 74)),
        (muscle, frame.moved((0, -50 * k, 2)), (60, 46, 58)),
    )
    for number, at, radii in solids:
        half = np.array(radii) * k
        over = (0, fat)
        paint_over(
            canvas, number, over, (at, half, partial(ellipsoid, center=(0, 0, 0), radii=half))
        )
    _paint_limbs(canvas, spine, build)


def _paint_limbs(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Shoulders, arms where they are in view, and thighs: fat, and muscle within it."""
    chains = _limbs(spine, build)
    for number, extra in ((NUMBER["fat"], 0.5 * build.fat_mm), (NUMBER["limb_muscle"], -3.0)):
        over = (0,) if extra > 0 else (0, NUMBER["fat"])
        for points_mm, radii in chains:
            stamp(canvas, number, tube(points_mm, [r * spine.scale + extra for r in radii]), over)


def _limbs(spine: Spine, build: Build) -> list[tuple[np.ndarray, list[float]]]:
    """Courses (n, 3) of limbs in the world, with their radii in an average adult."""
    k, wide = spine.scale, build.chest_width
    frame, hip = trunk(spine, NUMBERS["T3"]), pelvis(spine)
    thigh = ((100, -28, -90), (112, -25, -150), (112, -25, -260))
    made: list[tuple[np.ndarray, list[float]]] = []
    for side, is_up in zip((1, -1), build.arms_up, strict=True):
        shoulder, arm = _arm(is_up)
        parts = [(frame, shoulder, [34.0, 40.0, 44.0, 47.0], wide)]
        parts += [(frame, arm, [46.0, 42.0, 38.0, 34.0], wide)] if build.arms else []
        parts.append((hip, thigh, [70.0, 75.0, 72.0], build.hip_width))
        for at, points, radii, width in parts:
            made.append((at.to_world(np.array(points, float) * (side * width, 1, 1) * k), radii))
    return made


def _arm(is_up: bool) -> tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]]:
    """Courses of a shoulder and of an arm, from the frame of T3."""
    lift = 30 if is_up else 0
    shoulder = ((22, 8, 42), (60, 12, 28), (110, 5, 18 + lift), (150, -18, 12 + lift))
    if is_up:
        return shoulder, ((150, -22, 40), (160, -35, 90), (165, -40, 160), (150, -45, 300))
    return shoulder, ((152, -24, 10), (176, -24, -50), (188, -15, -150), (195, 0, -260))


def paint_clothing(canvas: Canvas, rng: np.random.Generator) -> None:
    """A sheet over the skin, close or loose, from one height to another."""
    covered = canvas.structures > 0
    loose_vox = 1 + int(rng.uniform(0, LOOSEST_MM) / canvas.grid.spacing_mm[2])
    under = ndimage.binary_dilation(covered, iterations=loose_vox)
    sheet = ndimage.binary_dilation(under) & ~under
    ends = np.sort(rng.integers(0, len(sheet), 2))
    sheet[: ends[0]] = sheet[ends[1] :] = False
    canvas.structures[sheet] = NUMBER["clothing"]


def paint_table(canvas: Canvas, spine: Spine, build: Build, rng: np.random.Generator) -> None:
    """A curved couch under the back: two thin shells."""
    grid = canvas.grid
    x, y = (np.arange(grid.size_vox[k]) * grid.spacing_mm[k] + grid.origin_mm[k] for k in (0, 1))
    top = back_plane(spine, build) + rng.uniform(1, 12)
    curved = top - rng.uniform(0, 0.0012) * (x - x.mean()) ** 2
    thick = rng.uniform(20, 60)
    below = y[:, None] - curved[None]
    shell = ((below > 0) & (below < 3)) | ((below > thick) & (below < thick + 3))
    shell &= np.abs(x - x.mean())[None] < rng.uniform(190, 260)
    canvas.structures[(canvas.structures == 0) & shell[None]] = NUMBER["table"]


#: Organ -> level, offset from the body there (x, y, z) and half axes in mm; painted in this order.
#: Heights are those of kidneys, livers and spleens in six label maps of TotalSegmentator.
ORGANS = (
    ("kidney_left", "L1", (62, 12, -26), (25, 24, 54)),
    ("kidney_right", "L1", (-66, 12, -26), (25, 24, 54)),
    ("liver", "T12", (-70, -52, -14), (76, 84, 94)),
    ("liver", "T11", (8, -88, -22), (66, 38, 38)),
    ("spleen", "T12", (94, -4, -6), (26, 42, 52)),
    ("stomach", "T12", (48, -74, 0), (38, 40, 52)),
    ("stomach", "L1", (18, -84, -14), (46, 26, 22)),
)

#: chosen: x, y; z as in the label maps, 12 to 17 mm.
ORGANS_SD_MM = (4, 4, 12)


def paint_organs(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """Heart, liver, spleen, stomach, kidneys, bowel with its gas, bladder."""
    k, free = spine.scale, (NUMBER["viscera"],)
    for name, level, offset, half in ORGANS:
        at = np.array(offset) * k + rng.normal(0, ORGANS_SD_MM)
        frame = trunk(spine, NUMBERS[level]).moved(at)
        _blob(
            canvas,
            NUMBER[name],
            free,
            (frame, np.array(half) * k * rng.uniform(0.88, 1.12, 3)),
            rng,
        )
    heart = trunk(spine, NUMBERS["T8"]).moved(np.array([16, -78, -4]) * k)
    over = tuple(NUMBER[n] for n in ("viscera", "lung_left", "lung_right"))
    _blob(canvas, NUMBER["heart"], over, (heart, np.array([56, 44, 56]) * k), rng)
    _paint_bowel(canvas, spine, rng)
    bladder = pelvis(spine).moved(np.array([0, -50, -92]) * k)
    radius = rng.uniform(20, 42)
    _blob(canvas, NUMBER["bladder"], (*free, NUMBER["muscle"]), (bladder, np.full(3, radius)), rng)


def _blob(
    canvas: Canvas,
    number: int,
    over: Sequence[int],
    what: tuple[Frame, np.ndarray],
    rng: np.random.Generator,
) -> None:
    """An ellipsoid with a softly uneven surface."""
    frame, half = what
    waves = rng.normal(0, 1, (3, 3)) * 2.2
    phases = rng.uniform(0, 2 * np.pi, 3)

    def distance(p: Points) -> np.ndarray:
        bumps = sum(
            np.sin(
                sum(np.float32(w / h) * a for w, h, a in zip(wave, half, p, strict=True)) + phase
            )
            for wave, phase in zip(waves, phases.astype(np.float32), strict=True)
        )
        return ellipsoid(p, (0, 0, 0), half) + np.float32(0.06 * half.min()) * bumps

    paint_over(canvas, number, over, (frame, half * 1.2, distance))


def _paint_bowel(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    k, free = spine.scale, (NUMBER["viscera"],)
    stomach = trunk(spine, NUMBERS["T12"]).moved(np.array([46, -96, 2]) * k)
    _gas(canvas, (NUMBER["stomach"],), stomach.center_mm, rng.uniform(0, 30), rng)
    colon = [(-98, -30, -75), (-96, -40, -20), (-60, -95, 0), (0, -105, -8), (70, -90, 12)]
    colon += [(98, -20, 8), (104, -20, -60), (96, -30, -110), (50, -45, -160), (5, 10, -190)]
    middle = trunk(spine, NUMBERS["L2"]).to_world(
        (np.array(colon, float) + rng.normal(0, 8, (len(colon), 3))) * k
    )
    stamp(canvas, NUMBER["bowel"], tube(middle, rng.uniform(16, 27, 6).tolist()), free)
    for at in curve_points(middle, rng):
        _gas(canvas, (NUMBER["bowel"],), at, rng.uniform(6, 24), rng)
    for _ in range(int(rng.integers(25, 45))):
        level = trunk(spine, int(rng.integers(21, 25)))
        at = level.moved(
            np.array([rng.uniform(-90, 90), rng.uniform(-110, -32), rng.uniform(-40, 25)]) * k
        )
        half = rng.uniform(10, 22, 3)
        _blob(canvas, NUMBER["bowel"], free, (at, half), rng)
        if rng.random() < 0.3:
            _gas(canvas, (NUMBER["bowel"],), at.center_mm, half.min() * 0.9, rng)


def curve_points(middle_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random places along the large bowel where gas collects."""
    at = rng.uniform(0, len(middle_mm) - 1, int(rng.integers(4, 14)))
    columns = [np.interp(at, np.arange(len(middle_mm)), middle_mm[:, k]) for k in range(3)]
    return np.stack(columns, axis=1)


def _gas(
    canvas: Canvas,
    over: Sequence[int],
    center_mm: np.ndarray,
    radius: float,
    rng: np.random.Generator,
) -> None:
    """A bubble that floats towards the front of a supine patient, with a level surface."""
    if radius < 3:
        return
    level = rng.uniform(-0.4, 0.7) * radius
    frame = Frame(np.asarray(center_mm), np.eye(3))

    def distance(p: Points) -> np.ndarray:
        return np.maximum(ellipsoid(p, (0, 0, 0), (radius,) * 3), p[1] - np.float32(level))

    paint_over(canvas, NUMBER["bowel_gas"], over, (frame, (radius,) * 3, distance))


def paint_vessels_and_airway(canvas: Canvas, spine: Spine, rng: np.random.Generator) -> None:
    """Aorta, vena cava, trachea with its main branches, throat, oesophagus."""
    k = spine.scale

    def course(*points: tuple[str, float, float]) -> np.ndarray:
        return np.array(
            [trunk(spine, NUMBERS[n]).to_world(np.array([x, y, 0]) * k) for n, x, y in points]
        )

    wide = rng.uniform(0.85, 1.35)
    down = [("T5", 22, -14), ("T7", 22, -16), ("T9", 18, -24), ("T11", 10, -30), ("L1", 6, -32)]
    down += [("L2", 5, -33), ("L3", 4, -34), ("L4", 2, -34)]
    arch = [("T8", -2, -70), ("T6", -18, -78), ("T4", -8, -66), ("T4", 14, -40), *down]
    cava = [
        ("L5", -10, -36),
        ("L3", -20, -34),
        ("L1", -22, -36),
        ("T11", -26, -52),
        ("T9", -28, -60),
    ]
    cava += [("T6", -32, -68), ("T3", -28, -62)]
    gullet = [("C6", 2, -18), ("T2", 6, -22), ("T5", 2, -26), ("T8", 2, -32), ("T10", 14, -42)]
    for points, name, radius in (
        (gullet, "esophagus", 6.0),
        (cava, "vena_cava", 11.5),
        (arch, "aorta", [15 * wide, 14 * wide, 12 * wide, 10 * wide, 9 * wide]),
    ):
        stamp(canvas, NUMBER[name], tube(course(*points), radius))
    for side in (1, -1):
        iliac = [("L4", 2 * side, -34), ("L5", 28 * side, -34)]
        hip = pelvis(spine).to_world(np.array([52 * side, -30, -30]) * k)
        path = np.concatenate([course(*iliac), hip[None]])
        stamp(canvas, NUMBER["aorta"], tube(path, 6.0 * wide))
        neck = course(
            ("T3", 14 * side, -48),
            ("C7", 22 * side, -26),
            ("C4", 26 * side, -22),
            ("C2", 28 * side, -16),
        )
        stamp(canvas, NUMBER["aorta"], tube(neck, 4.0))
        stamp(canvas, NUMBER["vena_cava"], tube(neck + np.array([side * 9, 2, 0]), 6.0))
    _paint_airway(canvas, spine, course)


def _paint_airway(canvas: Canvas, spine: Spine, course: World) -> None:
    airway, k = NUMBER["airway"], spine.scale
    pipe = course(("C6", 0, -32), ("T1", 0, -36), ("T3", -3, -40), ("T4", -4, -38), ("T5", -4, -36))
    stamp(canvas, airway, tube(pipe, 8.5 * k))
    for side in (1, -1):
        branch = np.concatenate([pipe[-1:], course(("T6", 26 * side, -34), ("T7", 48 * side, -32))])
        stamp(canvas, airway, tube(branch, [6.5, 5, 3.5]))
    throat = course(("C6", 0, -32), ("C5", 0, -28), ("C4", 0, -24), ("C3", 0, -21), ("C2", 0, -20))
    frame = head_frame(spine)
    nose = frame.to_world(np.array([[0, -20, 4], [0, -30, 22], [0, -60, 28], [0, -92, 20]]) * k)
    stamp(canvas, airway, tube(np.concatenate([throat, nose[:2]]), [7, 7, 8, 7, 7]))
    for x in (-7, 7):
        stamp(canvas, airway, tube(nose[1:] + frame.rotation[:, 0] * x, [6, 4, 5]))
    for z in (6, 16):
        mouth = frame.to_world(np.array([[0, -50, -12 + z], [0, -78, -14 + z]]) * k)
        stamp(canvas, airway, tube(mouth, 2.5))
    ring = frame.to_world(
        np.array([[22, -24, -58], [14, -40, -62], [0, -46, -63], [-14, -40, -62], [-22, -24, -58]])
        * k
    )
    stamp(canvas, NUMBER["hyoid"], tube(ring, 2.6))


def paint_spinal_muscles(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Psoas beside the lumbar bodies and the muscles of the buttocks."""
    k = spine.scale
    for name, side in (("left", 1), ("right", -1)):
        upper = [
            trunk(spine, NUMBERS[level]).to_world(np.array([x * side, y, 0]) * k)
            for level, x, y in (("L1", 27, 4), ("L2", 33, 2), ("L3", 40, -2), ("L4", 47, -8))
        ]
        hip = pelvis(spine)
        lower = [
            hip.to_world(np.array([x * side, y, z]) * k)
            for x, y, z in ((60, -34, 0), (84, -62, -55), (112, -50, -110))
        ]
        course = np.stack(upper + lower)
        radii = [9 * k, 16 * k, 21 * k, 23 * k, 24 * k, 22 * k, 16 * k]
        over = tuple(NUMBER[n] for n in ("viscera", "muscle", "fat", f"paraspinal_{name}", "bowel"))
        stamp(canvas, NUMBER[f"psoas_{name}"], tube(course, radii), over)
        buttock = hip.moved(np.array([88 * side * build.hip_width, 52, -60]) * k)
        half = np.array([62, 46, 96]) * k
        over = (NUMBER["viscera"], NUMBER["muscle"], NUMBER["fat"])
        solid = (buttock, half, partial(ellipsoid, center=(0, 0, 0), radii=half))
        paint_over(canvas, NUMBER[f"gluteal_{name}"], over, solid)
