"""The hip bones and the upper femora.

Offsets are in mm of an average adult from the first sacral body, x (left, mirrored for the right),
y posterior, z superior.
"""

import numpy as np

from versectl.synth.bodies import landmarks
from versectl.synth.bodies.build import Build
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Balls, Canvas, World, curve, scaled_world, stamp, tube
from versectl.synth.bodies.structures import NUMBER

#: Control points of the iliac wing from the first sacral body: rows from the crest down, columns
#: from the sacroiliac joint to the front. The crest is flat from 60 to 110 mm beside L5 and 20 mm
#: above its centre, as in six label maps.
WING = (
    ((44, 60, 0), (68, 44, 38), (108, 4, 44), (130, -46, 26), (125, -88, -10)),
    ((48, 50, -34), (61, 33, 0), (96, -2, 10), (115, -45, -3), (113, -82, -33)),
    ((56, 38, -62), (67, 16, -54), (84, -12, -68), (94, -36, -74), (103, -62, -60)),
)

#: chosen: radius of the wing: everywhere, and more towards the crest, the socket and the
#: sacroiliac joint.
WING_MM, CREST_MM, ABOVE_SOCKET_MM, AT_SACRUM_MM = 3.2, 3.0, 4.5, 4.0

#: chosen: courses and radii of the other parts of a hip bone.
RODS = (
    (((76, 4, -44), (84, -20, -72), (90, -40, -84)), 12),  # from the wing to the socket
    (((58, 34, -12), (62, 22, -40)), 7),  # along the sacroiliac joint
    (((82, -12, -104), (66, 8, -140), (60, 2, -166)), 13),  # ischium
    (((60, 0, -166), (36, -40, -158), (15, -76, -140)), 6.5),  # its branch to the pubis
    (((84, -50, -88), (46, -82, -102), (14, -88, -120)), 8),  # upper branch of the pubis
    (((12, -86, -120), (11, -77, -140)), 8),  # pubis beside the symphysis
)

#: chosen: balls round the socket.
SOCKET, SOCKET_MM = ((84, -26, -86), (90, -46, -84), (80, -12, -100)), 20.0

#: chosen: cartilage between the pubic bones.
SYMPHYSIS, SYMPHYSIS_MM = ((0, -88, -116), (0, -78, -142)), 7

#: chosen: the femur: its head, and that with its cartilage; neck, and shaft with the trochanter.
FEMORAL_HEAD, HEAD_MM, CARTILAGE_MM = (94, -30, -98), 23.5, 26.5
NECK_END, NECK_MM = (126, -20, -124), 14
SHAFT, SHAFT_MM = ((136, -8, -108), (132, -14, -135), (122, -18, -240)), 15


def paint(canvas: Canvas, spine: Spine, build: Build) -> None:
    """Hip bones with their wings, sockets, ischium and pubis, and the upper femora."""
    frame, k = landmarks.pelvis(spine), spine.scale
    for side in (1, -1):
        world = scaled_world(frame, np.array([side * build.hip_width, 1, 1]) * k)
        name = "left" if side > 0 else "right"
        _paint_hip(canvas, NUMBER[f"hip_{name}"], world, k)
        _paint_femur(canvas, NUMBER[f"femur_{name}"], world, k)
    symphysis = tube(frame.to_world(np.array(SYMPHYSIS) * k), SYMPHYSIS_MM * k)
    stamp(canvas, NUMBER["costal_cartilage"], symphysis)


def _paint_hip(canvas: Canvas, number: int, world: World, k: float) -> None:
    """A hip bone, and in its socket the cartilage round the head of the femur."""
    sheet, radii = _wing_sheet()
    stamp(canvas, number, Balls(world(*sheet), radii * k))
    for course, radius_mm in RODS:
        stamp(canvas, number, tube(world(*course), radius_mm * k))
    for at in SOCKET:
        stamp(canvas, number, Balls(world(at), SOCKET_MM * k))
    stamp(canvas, NUMBER["joint_cartilage"], Balls(world(FEMORAL_HEAD), CARTILAGE_MM * k))


def _wing_sheet() -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) over the wing, and radii (n,) in mm."""
    rows = []
    for row in WING:
        dense = curve(row, 1.0)
        rows.append(dense[np.linspace(0, len(dense) - 1, 64).astype(int)])
    down = [curve(np.stack(column), 2.5) for column in zip(*rows, strict=True)]
    points = np.concatenate(down)
    ends = np.concatenate([np.linspace(0, 1, len(c)) for c in down])
    front = np.concatenate([np.full(len(c), i / 63) for i, c in enumerate(down)])
    radii = WING_MM + CREST_MM * np.exp(-ends / 0.12) + ABOVE_SOCKET_MM * ends**3
    radii += AT_SACRUM_MM * np.exp(-front / 0.12)
    return points, radii


def _paint_femur(canvas: Canvas, number: int, world: World, k: float) -> None:
    stamp(canvas, number, Balls(world(FEMORAL_HEAD), HEAD_MM * k))
    stamp(canvas, number, tube(world(FEMORAL_HEAD, NECK_END), NECK_MM * k))
    stamp(canvas, number, tube(world(*SHAFT), SHAFT_MM * k))
