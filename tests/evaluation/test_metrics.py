import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.distance import cdist
from versectl.evaluation import metrics

LABELS = (1, 2, 3, 9)
SPACING_MM = (0.7, 1.3, 2.9)  # x, y, z


def blobs(rng, shape):
    """A label map of random ellipsoids and some stray voxels; labels may be lacking."""
    drawn = np.zeros(shape, np.uint8)
    grid = np.indices(shape).reshape(3, -1).T
    for label in rng.permutation(LABELS)[: rng.integers(0, len(LABELS) + 1)]:
        center, radius = rng.uniform(0, shape), rng.uniform(1.5, 8, 3)
        inside = (((grid - center) / radius) ** 2).sum(axis=1) <= 1
        drawn.ravel()[inside] = label
    stray = rng.random(shape) < rng.choice([0, 0.003])
    drawn[stray] = rng.choice(LABELS)
    return drawn


def random_pair(seed):
    """Two label maps, alike, unlike, or moved apart, with a random anisotropic spacing."""
    rng = np.random.default_rng(seed)
    shape = rng.integers((3, 12, 7), (17, 29, 23))
    gt = blobs(rng, shape)
    moved = np.roll(gt, rng.integers(-3, 4, 3), axis=(0, 1, 2))
    predicted = (moved, blobs(rng, shape), np.where(gt == 2, 0, gt))[seed % 3].astype(np.uint8)
    return gt, predicted, tuple(rng.uniform(0.3, 3, 3).tolist())


def as_image(mask, spacing_mm):
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing_mm)
    return image


def simpleitk_dice(one, other, spacing_mm):
    measure = sitk.LabelOverlapMeasuresImageFilter()
    measure.SetNumberOfThreads(1)  # threads take longer to start than these few voxels to count
    measure.Execute(as_image(one, spacing_mm), as_image(other, spacing_mm))
    return measure.GetDiceCoefficient(1)


def simpleitk_hausdorff_mm(one, other, spacing_mm):
    measure = sitk.HausdorffDistanceImageFilter()
    measure.SetNumberOfThreads(1)
    measure.Execute(as_image(one, spacing_mm), as_image(other, spacing_mm))
    return measure.GetHausdorffDistance()


def plain_surface_mm(one, other, spacing_mm):
    """Both directions' surface distances, by the definition and without any haste."""
    surfaces = [
        np.argwhere(mask & ~ndimage.binary_erosion(mask)) * spacing_mm[::-1]
        for mask in (one, other)
    ]
    apart_mm = cdist(*surfaces)
    return apart_mm.min(axis=1), apart_mm.min(axis=0)


@pytest.fixture
def ball(request, monkeypatch):
    """The k-d tree has little to do beyond the usual ball; a tiny one makes it work."""
    metrics._shells.cache_clear()
    if request.param == "tiny":
        monkeypatch.setattr(metrics, "BALL_VOX", 12)
        monkeypatch.setattr(metrics, "BLOCKS_VOX", (3, 2))
    yield
    metrics._shells.cache_clear()


RANDOM_PAIRS = pytest.mark.parametrize(
    ("ball", "seeds"), [("usual", range(150)), ("tiny", range(150, 300))], indirect=["ball"]
)


@RANDOM_PAIRS
@pytest.mark.usefixtures("ball")
def test_voxel_definition_is_simpleitks_on_random_pairs(seeds):
    for seed in seeds:
        gt, predicted, spacing_mm = random_pair(seed)
        found = metrics.compare(gt, predicted, spacing_mm, LABELS)
        for label in LABELS:
            one, other = gt == label, predicted == label
            if not one.any() and not other.any():
                assert label not in found
                continue
            expected = simpleitk_dice(one, other, spacing_mm)
            assert found[label].dice == pytest.approx(expected, abs=1e-12), seed
            if one.any() and other.any():
                expected_mm = simpleitk_hausdorff_mm(one, other, spacing_mm)
                assert found[label].distance_mm == pytest.approx(expected_mm, abs=1e-6), seed


@RANDOM_PAIRS
@pytest.mark.usefixtures("ball")
def test_surface_definitions_are_the_plain_ones_on_random_pairs(seeds):
    for seed in seeds:
        gt, predicted, spacing_mm = random_pair(seed)
        farthest = metrics.compare(gt, predicted, spacing_mm, LABELS, "surface")
        percentile = metrics.compare(gt, predicted, spacing_mm, LABELS, "surface95")
        for label in (label for label in LABELS if (gt == label).any()):
            if not (predicted == label).any():
                assert farthest[label].distance_mm is percentile[label].distance_mm is None
                continue
            both_mm = np.concatenate(plain_surface_mm(gt == label, predicted == label, spacing_mm))
            assert farthest[label].distance_mm == pytest.approx(both_mm.max(), abs=1e-6), seed
            expected_mm = np.percentile(both_mm, 95)
            assert percentile[label].distance_mm == pytest.approx(expected_mm, abs=1e-6), seed


def test_surface_definitions_are_medpys():
    binary = pytest.importorskip(
        "medpy.metric.binary", reason="MedPy is installed for the benchmark only"
    )
    for seed in range(100):
        gt, predicted, spacing_mm = random_pair(seed)
        farthest = metrics.compare(gt, predicted, spacing_mm, LABELS, "surface")
        percentile = metrics.compare(gt, predicted, spacing_mm, LABELS, "surface95")
        for label in LABELS:
            masks = gt == label, predicted == label
            if all(mask.any() for mask in masks):
                voxelspacing = spacing_mm[::-1]
                assert farthest[label].dice == pytest.approx(binary.dc(*masks), abs=1e-6)
                expected_mm = binary.hd(*masks, voxelspacing=voxelspacing)
                assert farthest[label].distance_mm == pytest.approx(expected_mm, abs=1e-3)
                expected_mm = binary.hd95(*masks, voxelspacing=voxelspacing)
                assert percentile[label].distance_mm == pytest.approx(expected_mm, abs=1e-3)


def test_one_voxel_two_steps_along_each_axis_is_as_far_as_the_spacing_says():
    for axis, spacing_mm in enumerate(reversed(SPACING_MM)):
        gt, predicted = np.zeros((2, 7, 9, 5), np.uint8)
        at, moved = [3, 4, 2], [3, 4, 2]
        moved[axis] += 2
        gt[tuple(at)] = predicted[tuple(moved)] = 7
        found = metrics.compare(gt, predicted, SPACING_MM, [7])[7]
        assert found.dice == 0
        assert found.distance_mm == pytest.approx(2 * spacing_mm)


def test_a_hole_counts_for_surfaces_and_less_for_voxel_sets():
    gt = np.zeros((11, 13, 15), np.uint8)
    gt[1:10, 2:11, 3:12] = 4
    predicted = gt.copy()
    predicted[5, 6, 7] = 0
    sets = metrics.compare(gt, predicted, (1, 1, 1), [4])[4]
    surfaces = metrics.compare(gt, predicted, (1, 1, 1), [4], "surface")[4]
    assert sets.distance_mm == 1  # the missing voxel lies beside the set
    assert surfaces.distance_mm == 3  # the hole's wall is three voxels from the outside


def test_a_missing_label_has_dice_zero_and_no_distance_and_others_do_not_notice():
    gt = np.zeros((6, 8, 10), np.uint8)
    gt[1:3], gt[4:] = 5, 6
    predicted = np.where(gt == 6, 6, 0).astype(np.uint8)
    found = metrics.compare(gt, predicted, SPACING_MM, [5, 6])
    assert found == {
        5: metrics.Overlap(gt_vox=160, predicted_vox=0, common_vox=0, distance_mm=None),
        6: metrics.Overlap(gt_vox=160, predicted_vox=160, common_vox=160, distance_mm=0.0),
    }
    assert [overlap.dice for overlap in found.values()] == [0, 1]


def test_labels_not_asked_for_are_ignored():
    gt = np.full((3, 4, 5), 26, np.uint8)
    assert metrics.compare(gt, np.zeros_like(gt), SPACING_MM, [20]) == {}


def test_two_empty_maps_have_nothing_to_compare():
    empty = np.zeros((4, 5, 6), np.uint8)
    assert metrics.compare(empty, empty, SPACING_MM, LABELS) == {}


def test_a_label_filling_the_volume_ends_at_its_edge():
    gt = np.full((4, 5, 6), 3, np.uint8)
    predicted = gt.copy()
    predicted[0] = 0
    for distance in metrics.DISTANCES:
        found = metrics.compare(gt, predicted, SPACING_MM, [3], distance)[3]
        assert found.distance_mm == pytest.approx(SPACING_MM[2]), distance


def test_arguments_are_left_as_they_are():
    gt, predicted, spacing_mm = random_pair(4)
    before = gt.copy(), predicted.copy()
    metrics.compare(gt, predicted, spacing_mm, LABELS, "surface")
    np.testing.assert_array_equal((gt, predicted), before)
