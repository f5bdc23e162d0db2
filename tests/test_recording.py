import numpy as np
import pytest

from tests.conftest import CENTERS_MM
from versectl import centroids, recording, volume
from versectl.augment import Ranges
from versectl.cases import Case
from versectl.errors import BadInputError
from versectl.volume import Grid


@pytest.fixture
def case(phantom, tmp_path):
    ct, label_map = phantom
    volume.write(ct, tmp_path / "a_ct.nii.gz")
    volume.write(label_map, tmp_path / "a_seg.nii.gz")
    centroids.write(centroids.from_world(CENTERS_MM, ct), tmp_path / "a_ctd.json")
    return Case("a", tmp_path / "a_ct.nii.gz", tmp_path / "a_seg.nii.gz", tmp_path / "a_ctd.json")


def test_a_distorted_recording_keeps_centroids_inside_their_vertebrae(case):
    subject = recording.subject(case, Ranges())
    grid = Grid.centered(CENTERS_MM[20], (60, 60, 70), (2.0, 2.0, 2.0))
    for seed in range(4):
        scan = subject.scan(grid, np.random.default_rng(seed))
        found = volume.to_array(scan.labels)
        for label, point_mm in scan.centroids_mm.items():
            x, y, z = np.rint(volume.to_vox(scan.labels, point_mm)).astype(int)
            assert found[z, y, x] == label
        hounsfield = volume.to_array(scan.ct)
        assert np.median(hounsfield[found > 0]) > 600


def test_a_case_without_centroids_cannot_train(case):
    without = Case("a", case.ct, case.labels)
    with pytest.raises(BadInputError, match="no centroid file"):
        recording.subject(without, Ranges())


def test_a_recording_finer_than_the_grid_is_sampled_at_half_its_spacing(case):
    subject = recording.subject(case, Ranges())
    coarse = Grid.centered(CENTERS_MM[20], (10, 12, 14), (4.0, 4.0, 4.0))
    scan = subject.scan(coarse, np.random.default_rng(0))
    assert scan.ct.GetSpacing() == (2.0, 2.0, 2.0)
    low_mm, high_mm = volume.extent(scan.ct)
    assert low_mm == pytest.approx(coarse.to_mm([-0.25, -0.25, -0.25]))
    assert high_mm == pytest.approx(coarse.last_mm + 1.0)
