import numpy as np
import pytest
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.geometry import Grid
from versectl.stages import ribs

#: C5 to T4 of a spine that leans to the left and forward, downwards.
NAMES = ("C5", "C6", "C7", "T1", "T2", "T3", "T4")
CENTERS_MM = [
    np.array([12.0 + 0.1 * off, -30.0 - 0.2 * off, 210.0 - off])
    for off in (0.0, 16.5, 34.0, 53.0, 73.0, 94.0, 115.0)
]
T1_MM = float(CENTERS_MM[NAMES.index("T1")][2])

#: Slices 3 mm apart from head to foot; the first voxel is the last along x.
GRID = Grid((90, 70, 60), (2.0, 2.5, 3.0), (-74.0, -120.0, 60.0))


def drawn(sides=(-1, 1), first="T1", skull=False, top_mm=None):
    """A CT with ribs from a vertebra on, 9 mm above their vertebrae's centres at the highest."""
    x, y, z = (
        GRID.origin_mm[a] + GRID.spacing_mm[a] * np.arange(GRID.size_vox[a]) for a in range(3)
    )
    voxels = np.full(GRID.shape, 40, np.int16)
    for center_mm in CENTERS_MM[NAMES.index(first) :]:
        for side in sides:
            beside = (side * (x - center_mm[0]) > 20) & (side * (x - center_mm[0]) < 70)
            behind = (y > center_mm[1]) & (y < center_mm[1] + 20)
            high = (z <= center_mm[2] + 9) & (z > center_mm[2] - 5)
            voxels[np.ix_(high, behind, beside)] = 600
    if skull:
        voxels[z > 226] = 900
    image = sitk.Flip(geometry.from_array(voxels, GRID), (True, False, True))
    if top_mm is None:
        return image
    low_mm, high_mm = geometry.extent(image)
    return geometry.crop(image, low_mm, [*high_mm[:2], top_mm])


@pytest.mark.parametrize("sides", [(-1, 1), (-1,), (1,)])
@pytest.mark.parametrize("skull", [False, True])
def test_the_first_rib_is_found_below_a_free_neck(sides, skull):
    found_mm = ribs.first_rib_mm(drawn(sides, skull=skull), CENTERS_MM)
    assert found_mm == pytest.approx(T1_MM + 9, abs=5)
    assert ribs.t1_mm(found_mm) == pytest.approx(T1_MM, abs=5)


def test_without_ribs_or_without_a_neck_above_them_nothing_is_said():
    assert ribs.first_rib_mm(drawn(()), CENTERS_MM) is None
    below = [center_mm for center_mm in CENTERS_MM if center_mm[2] < T1_MM + 1]
    assert ribs.first_rib_mm(drawn(top_mm=T1_MM + 12), below) is None


def test_slices_of_padding_are_no_free_neck():
    cut = drawn(top_mm=T1_MM - 30)
    below = [center_mm for center_mm in CENTERS_MM if center_mm[2] < T1_MM - 30]
    padded = sitk.ConstantPad(cut, (0, 0, 25), (0, 0, 25), geometry.AIR_HU)
    assert ribs.first_rib_mm(padded, below) is None


def test_what_lies_outside_the_scan_is_no_free_neck():
    right_of_spine = geometry.crop(drawn((-1,)), GRID.origin_mm, GRID.last_mm)
    right_of_spine = sitk.RegionOfInterest(right_of_spine, (50, 70, 60), (40, 0, 0))
    left_mm = [center_mm - [40.0, 0.0, 0.0] for center_mm in CENTERS_MM]
    assert ribs.first_rib_mm(right_of_spine, left_mm) is None


def test_a_rib_fits_the_label_whose_vertebra_lies_that_far_below():
    weights = dict(zip(labels.ORDER, ribs.log_weights(T1_MM, T1_MM + ribs.ABOVE_MM), strict=True))
    assert max(weights, key=weights.get) == ribs.T1
    assert weights[ribs.T1] == ribs.MOST
    assert weights[labels.NUMBERS["C7"]] < 0.5
    assert weights[labels.NUMBERS["T2"]] < 0.5
    assert min(weights.values()) == 0
    above = dict(zip(labels.ORDER, ribs.log_weights(T1_MM + 19, T1_MM + 9), strict=True))
    assert max(above, key=above.get) == labels.NUMBERS["C7"]
