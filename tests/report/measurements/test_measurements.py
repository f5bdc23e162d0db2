"""Measures of drawn vertebrae whose sizes are known, on lopsided, turned and coarse grids."""

import math

import numpy as np
import pytest
import SimpleITK as sitk
from drawn_vertebrae import (
    Placed,
    around,
    box,
    cylinder,
    dented,
    draw,
    result,
    turned,
    wedge,
)
from drawn_vertebrae import with_arch as arched

from versectl import geometry
from versectl.report import measurements
from versectl.report.measurements import axes, bodies
from versectl.report.measures import ATTENUATION, SIZES, names
from versectl.types import Result, Spine, Vertebra, Vertebrae


def all_measured(found, ct):
    return measurements.of(found.vertebrae, found.label_map, ct)


PIR = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])

#: Spacing, direction of the voxel axes, how far the spine is turned about x, y, z in degrees, and
#: how exactly a length must come out: the mask's steps are averaged, but a wall may fall in one.
GRIDS = {
    "fine": ((1.0, 1.0, 1.0), np.eye(3), (0, 0, 0), 0.8),
    "thick slices": ((0.8, 0.9, 2.5), np.eye(3), (5, -4, 8), 1.25),
    "sagittal slices": ((1.0, 1.0, 3.0), PIR, (-12, 6, -5), 0.9),
    "turned grid": ((1.3, 1.0, 1.6), turned((9, 14, -11)), (0, 0, 0), 0.7),
    "leaning spine": ((1.0, 1.2, 1.5), np.eye(3), (33, 10, 15), 0.7),
}

T12, L1, L2 = 19, 20, 21


def column(shape, turn=(0, 0, 0), apart_mm=32.0):
    """T12 to L2 in a row along their common axis, all of one shape."""
    axes = turned(turn)
    up = axes[:, 2]
    middle = np.array([12.3, -30.2, 210.4])
    return [Placed(n, shape, middle + up * apart_mm * (L1 - n), axes) for n in (T12, L1, L2)]


def measured(vertebrae, spacing_mm=(1.0, 1.0, 1.0), direction=None):
    """Measures by name, and the curvature; the CT is empty."""
    axes = np.eye(3) if direction is None else direction
    label_map = draw(vertebrae, around(vertebrae, spacing_mm, axes))
    ct = sitk.Cast(label_map, sitk.sitkFloat32) * 0.0
    found = all_measured(result(vertebrae, label_map), ct)
    return {row.name: row.measures for row in found.vertebrae}, found.curvature


@pytest.fixture(params=GRIDS.values(), ids=GRIDS)
def grid(request):
    return request.param


def test_a_box_with_processes_has_its_own_sizes(grid):
    spacing_mm, direction, turn, exact_mm = grid
    shape = arched(box(44, 30, 26), 30, 26)
    found = measured(column(shape, turn), spacing_mm, direction)[0]["L1"]
    assert not set(found.not_measured) & set(SIZES)
    assert found.width_mm == pytest.approx(44, abs=1.2 + 0.8 * max(spacing_mm))
    assert found.depth_mm == pytest.approx(30, abs=2 * exact_mm)
    for place in ("front", "middle", "back"):
        assert getattr(found, f"height_{place}_mm") == pytest.approx(26, abs=exact_mm)
    assert found.front_to_back == pytest.approx(1, abs=exact_mm / 20)


def test_a_wedge_has_the_heights_of_its_places(grid):
    spacing_mm, direction, turn, exact_mm = grid
    shape = arched(wedge(40, 32, 16, 26), 32, 26)
    found = measured(column(shape, turn), spacing_mm, direction)[0]["L1"]
    front, middle, back = (26 - 10 * (1 - share) for share in (0.15, 0.5, 0.85))
    assert found.height_front_mm == pytest.approx(front, abs=exact_mm)
    assert found.height_middle_mm == pytest.approx(middle, abs=exact_mm)
    assert found.height_back_mm == pytest.approx(back, abs=exact_mm)
    assert found.front_to_back == pytest.approx(front / back, abs=exact_mm / 18)


def test_pressed_in_endplates_show_in_the_middle():
    found = measured(column(arched(dented(40, 32, 26, 5), 32, 26)))[0]["L1"]
    middle = 26 - 2 * 5 * (1 - 0.15 * 32 / 4 / (32 / 4))  # the mean of what is dented
    assert found.height_middle_mm == pytest.approx(middle, abs=0.8)
    assert found.height_back_mm == pytest.approx(26, abs=0.6)
    assert found.middle_to_back == pytest.approx(middle / 26, abs=0.03)


def test_a_cylinder_is_as_wide_as_deep(grid):
    spacing_mm, direction, turn, exact_mm = grid
    found = measured(column(arched(cylinder(34, 24), 34, 24), turn), spacing_mm, direction)[0]["L1"]
    assert found.width_mm == pytest.approx(34, abs=1.2 + 0.8 * max(spacing_mm))
    assert found.depth_mm == pytest.approx(34, abs=2 * exact_mm)
    assert found.height_middle_mm == pytest.approx(24, abs=exact_mm)


def test_a_body_without_an_arch_is_measured_as_well():
    found = measured(column(box(44, 30, 26)))[0]["L1"]
    assert found.depth_mm == pytest.approx(30, abs=1)
    assert found.width_mm == pytest.approx(44, abs=1)


def test_a_neck_s_small_body_is_told_from_the_processes_beside_it():
    shape = arched(box(22, 16, 14), 16, 14)
    found = measured(column(shape, apart_mm=18), (0.9, 0.9, 1.25))[0]["L1"]
    assert found.width_mm == pytest.approx(22, abs=2)
    assert found.height_back_mm == pytest.approx(14, abs=0.8)


def test_the_volume_is_that_of_the_whole_mask():
    vertebrae = column(arched(box(44, 30, 26), 30, 26), (5, 5, 5))
    label_map = draw(vertebrae, around(vertebrae, (0.8, 0.9, 2.5), PIR))
    count = int((geometry.to_array(label_map) == L1).sum())
    found = measured(vertebrae, (0.8, 0.9, 2.5), PIR)[0]["L1"]
    assert found.volume_ml == pytest.approx(count * 0.8 * 0.9 * 2.5 / 1000, abs=1e-3)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.7, 0.8, 3.0)])
def test_hounsfield_units_are_those_of_the_ct_inside_the_body_alone(spacing_mm):
    """Spongy bone is 150, its upper half 190; the shell, the arch and all round is far brighter."""
    vertebrae = column(arched(box(44, 30, 26), 30, 26))
    label_map = draw(vertebrae, around(vertebrae, spacing_mm, np.eye(3)))
    z, y, x = np.indices(label_map.GetSize()[::-1])
    points_mm = geometry.to_mm(label_map, np.stack([x, y, z], axis=-1))
    x, y, z = np.moveaxis(points_mm - vertebrae[1].center_mm, -1, 0)
    values = np.where(box(42, 28, 24)(x, y, z), 150.0 + 40 * (z > 0), 1500.0)
    ct = geometry.from_array(values.astype(np.float32), label_map)
    found = all_measured(result(vertebrae, label_map), ct).vertebrae[1].measures
    assert found.hu_mean == pytest.approx(170, abs=4)
    assert 150 <= found.hu_median <= 190
    assert found.hu_sd == pytest.approx(20, abs=1)


@pytest.mark.parametrize(("name", "sign"), [("kyphosis", 1), ("lordosis", -1)])
def test_bending_forwards_is_positive_and_backwards_negative(name, sign):
    """Each vertebra leans 12 degrees further forward, or back, than the next one below."""
    shape = arched(box(40, 30, 24), 30, 24)
    placed, at = [], np.array([0.0, 0.0, 300.0])
    for place, label in enumerate((T12, L1, L2)):
        axes = turned((12.0 * sign * (1 - place), 0, 0))
        placed.append(Placed(label, shape, at, axes))
        at = at - 32 * turned((12.0 * sign * (0.5 - place), 0, 0))[:, 2]
    found = measured(placed, (0.9, 0.9, 1.4))[0]
    for vertebra in ("T12", "L1"):
        assert found[vertebra].sagittal_angle_to_next_deg == pytest.approx(12 * sign, abs=1), name
        assert found[vertebra].angle_to_next_deg == pytest.approx(12, abs=1)
        assert found[vertebra].gap_to_next_mm == pytest.approx(32 - 24, abs=1)


def test_bending_aside_is_no_sagittal_angle():
    shape = arched(box(40, 30, 24), 30, 24)
    placed = [
        Placed(T12, shape, np.array([3.2, 0.3, 332.4]), turned((0, 7, 0))),
        Placed(L1, shape, np.array([0.2, 0.3, 300.4]), turned((0, -7, 0))),
    ]
    found = measured(placed)[0]["T12"]
    assert found.angle_to_next_deg == pytest.approx(14, abs=1)
    assert found.sagittal_angle_to_next_deg == pytest.approx(0, abs=1.5)


def lumbar_arc(step_deg):
    """L1 to L5 on an arc, each leaning that much further back than the next one below."""
    shape = arched(box(40, 30, 24), 30, 24)
    at, placed = np.array([0.0, 0.0, 400.0]), []
    for place, label in enumerate(range(20, 25)):
        axes = turned((-step_deg * (2 - place), 0, 0))
        placed.append(Placed(label, shape, at, axes))
        at = at - 34 * turned((-step_deg * (1.5 - place), 0, 0))[:, 2]
    return placed


def test_lordosis_is_the_angle_from_the_first_to_the_last_endplate():
    curvature = measured(lumbar_arc(9), (1.2, 1.2, 1.2))[1]
    assert curvature.lordosis_l1_l5_deg == pytest.approx(36, abs=1.5)
    assert math.isnan(curvature.kyphosis_t4_t12_deg)
    assert curvature.not_measured["kyphosis_t4_t12_deg"] == "T4 was not found"


def test_the_axes_do_not_depend_on_where_the_centroid_lies_in_the_body():
    vertebrae = column(arched(box(44, 30, 26), 30, 26), (8, 5, 3))
    label_map = draw(vertebrae, around(vertebrae, (1.0, 1.0, 1.5), np.eye(3)))
    found = result(vertebrae, label_map)
    for label, vertebra in found.vertebrae.items():
        vertebra.center_mm[:] += [[4, -3, 2], [-4, 3, -4], [2, 4, 3]][label - T12]
    ct = sitk.Cast(label_map, sitk.sitkFloat32)
    l1 = all_measured(found, ct).vertebrae[1].measures
    assert l1.height_middle_mm == pytest.approx(26, abs=0.6)
    assert l1.depth_mm == pytest.approx(30, abs=1.2)
    assert l1.width_mm == pytest.approx(44, abs=2)


def test_what_is_cut_is_not_measured_and_the_reason_is_told():
    """The scan ends within T12's body and within L1's right transverse process."""
    vertebrae = column(arched(box(44, 30, 26), 30, 26))
    frame = around(vertebrae, (1.0, 1.0, 1.0), np.eye(3))
    label_map = draw(vertebrae, frame)
    x, y, z = label_map.GetSize()
    cut = sitk.RegionOfInterest(label_map, (x - 20, y, z - 45), (20, 0, 0))
    found = all_measured(result(vertebrae, cut), sitk.Cast(cut, sitk.sitkFloat32)).vertebrae
    t12, l1, _ = (row.measures for row in found)
    assert all(math.isnan(getattr(t12, name)) for name in names(measurements.Measures))
    assert set(t12.not_measured) == set(names(measurements.Measures))
    assert t12.not_measured["height_front_mm"] == "its body touches the border of the scan"
    assert l1.not_measured == {"volume_ml": "its mask touches the border of the scan"}


def test_no_mask_no_body_and_no_neighbour_are_reasons():
    shape = arched(box(22, 16, 14), 16, 14)
    centers = {1: 300.0, 2: 280.0, 3: 262.0, 5: 226.0}
    placed = [Placed(n, shape, np.array([0, 0, z]), np.eye(3)) for n, z in centers.items()]
    label_map = geometry.keep_labels(draw(placed, around(placed, (1, 1, 1), np.eye(3))), (1, 2, 3))
    found = all_measured(result(placed, label_map), sitk.Cast(label_map, sitk.sitkFloat32))
    c1, c2, c3, c5 = (row.measures for row in found.vertebrae)
    assert c1.not_measured["width_mm"] == "C1 has no body"
    assert c1.volume_ml > 0
    assert c2.not_measured["width_mm"] == "the dens leaves C2 without an upper endplate"
    assert c2.sagittal_angle_to_next_deg == pytest.approx(0, abs=1)
    assert c3.not_measured["angle_to_next_deg"] == "the next vertebra is missing"
    assert c5.not_measured["volume_ml"] == "it has no mask"
    assert c5.not_measured["angle_to_next_deg"] == "no vertebra follows"
    assert [row.has_mask for row in found.vertebrae] == [True, True, True, False]


def test_a_body_too_small_or_a_centroid_outside_is_a_reason():
    vertebrae = column(arched(box(44, 30, 26), 30, 26))
    label_map = draw(vertebrae, around(vertebrae, (1.0, 1.0, 1.0), np.eye(3)))
    array = geometry.to_array(label_map)
    array[array == L2] = 0
    z, y, x = np.rint(geometry.to_vox(label_map, vertebrae[2].center_mm))[::-1].astype(int)
    array[z, y, x] = L2
    few = geometry.from_array(array, label_map)
    found = result(vertebrae, few)
    found.vertebrae[L1].center_mm[:] += [0, 40, 10]
    rows = all_measured(found, sitk.Cast(few, sitk.sitkFloat32)).vertebrae
    reasons = [row.measures.not_measured.get("height_front_mm") for row in rows]
    assert reasons[1] == "its centroid lies outside its mask"
    assert reasons[2]
    assert all(math.isnan(getattr(rows[2].measures, name)) for name in (*SIZES, *ATTENUATION))


def test_coarse_voxels_leave_no_inside_of_a_small_body():
    shape = arched(box(18, 12, 10), 12, 10)
    found = measured(column(shape, apart_mm=17), (1.5, 1.5, 5.0))[0]["L1"]
    assert math.isnan(found.hu_mean)
    assert found.not_measured["hu_mean"].startswith("too few voxels")


def test_the_label_map_of_bodies_holds_bodies_alone():
    vertebrae = column(arched(box(44, 30, 26), 30, 26), (5, -5, 10))
    label_map = draw(vertebrae, around(vertebrae, (0.9, 1.1, 1.4), PIR))
    alone = geometry.to_array(bodies.alone(result(vertebrae, label_map).vertebrae, label_map))
    only = geometry.to_array(
        draw(column(box(44, 30, 26), (5, -5, 10)), geometry.Frame.of(label_map))
    )
    for label in (T12, L1, L2):
        both = ((alone == label) & (only == label)).sum()
        assert 2 * both / ((alone == label).sum() + (only == label).sum()) > 0.96


def test_nothing_found_is_nothing_measured(label_map, ct):
    nothing = Result(Spine(np.zeros(3), 0.1), Vertebrae({}), label_map)
    assert all_measured(nothing, ct).vertebrae == ()


@pytest.mark.parametrize("seed", range(12))
def test_any_mask_gives_measures_or_reasons(seed):
    """Random voxels, planes, rods and crumbs round three centroids."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(5, 40, 3))
    array = np.zeros(shape, np.uint8)
    for label in (1, 2, 3, 19, 20, 21):
        low = rng.integers(0, np.array(shape) - 2)
        box = tuple(slice(a, a + n) for a, n in zip(low, rng.integers(1, 20, 3), strict=True))
        array[box] = np.where(rng.random(array[box].shape) < rng.choice([0.05, 0.6, 1]), label, 0)
    label_map = sitk.GetImageFromArray(array)
    label_map.SetSpacing(rng.uniform(0.4, 5, 3).tolist())
    low_mm, high_mm = geometry.extent(label_map)
    found = {n: Vertebra(rng.uniform(low_mm, high_mm), 0.5) for n in (1, 2, 3, 19, 20, 21)}
    whole = Result(Spine(low_mm, 0.5), Vertebrae(found), label_map)
    for row in all_measured(whole, sitk.Cast(label_map, sitk.sitkFloat32)).vertebrae:
        known = set(names(measurements.Measures)) - set(row.measures.not_measured)
        assert all(math.isfinite(getattr(row.measures, name)) for name in known)


def test_centroids_in_one_place_have_axes_all_the_same():
    twice_mm = np.array([1.0, 2.0, 3.0])
    for points_mm in ([twice_mm, twice_mm], [twice_mm, twice_mm + 1, twice_mm]):
        up = axes.course(np.array(points_mm))
        assert np.linalg.norm(up, axis=1) == pytest.approx(1.0)
