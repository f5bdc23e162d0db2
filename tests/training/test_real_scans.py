from dataclasses import replace

import numpy as np
import pytest
from phantoms import CENTERS_MM

from versectl import config, geometry
from versectl.config import Ranges
from versectl.errors import BadInputError
from versectl.geometry import Grid
from versectl.io import centroids, volume
from versectl.io.layout import Case
from versectl.stages import segmentation
from versectl.stages.published.upright import Upright
from versectl.training import batches, real_scans

SEEN = config.DEFAULT["vertebrae"]


@pytest.fixture
def case(phantom, tmp_path):
    ct, label_map = phantom
    volume.write(ct, tmp_path / "a_ct.nii.gz")
    volume.write(label_map, tmp_path / "a_seg.nii.gz")
    centroids.write(centroids.from_world(CENTERS_MM, ct), tmp_path / "a_ctd.json")
    return Case("a", tmp_path / "a_ct.nii.gz", tmp_path / "a_seg.nii.gz", tmp_path / "a_ctd.json")


def test_a_distorted_scan_keeps_centroids_inside_their_vertebrae(case, tmp_path):
    subject = real_scans.subject(case, SEEN, tmp_path)
    grid = Grid.centered(CENTERS_MM[20], (60, 60, 70), (2.0, 2.0, 2.0))
    for seed in range(4):
        scan = subject.scan(grid, np.random.default_rng(seed))
        found = geometry.to_array(scan.labels)
        for label, point_mm in scan.centroids_mm.items():
            x, y, z = np.rint(geometry.to_vox(scan.labels, point_mm)).astype(int)
            assert found[z, y, x] == label
        hounsfield = geometry.to_array(scan.ct)
        assert np.median(hounsfield[found > 0]) > 600


def test_a_case_without_centroids_cannot_train(case, tmp_path):
    without = Case("a", case.ct, case.labels)
    with pytest.raises(BadInputError, match="no centroid file"):
        real_scans.subject(without, SEEN, tmp_path)


def test_a_scan_comes_smoothed_on_the_very_grid_asked_for(case, ct, tmp_path):
    still = replace(SEEN.training, ranges=Ranges(0.0, 0.0, 0.0, flips=False))
    subject = real_scans.subject(case, replace(SEEN, training=still), tmp_path)
    assert subject.is_smooth
    grid = Grid.centered(CENTERS_MM[20], (20, 24, 28), (4.0, 4.0, 4.0))
    scan = subject.scan(grid, np.random.default_rng(0))
    assert Grid.of(scan.ct) == grid
    wanted = geometry.resample(geometry.smooth(ct, SEEN.smoothing_mm), grid)
    assert geometry.to_array(scan.ct) == pytest.approx(geometry.to_array(wanted), abs=1.0)
    assert scan.depth_mm.shape == grid.shape
    low_mm, high_mm = geometry.extent(ct)
    assert scan.depth_mm[14, 0, 0] == pytest.approx(
        min(grid.to_mm([0, 0, 14])[2] - low_mm[2], high_mm[2] - grid.to_mm([0, 0, 14])[2]), abs=1e-2
    )


def test_what_a_network_sees_of_a_still_scan_is_what_it_sees_when_predicting(case, ct, tmp_path):
    still = replace(SEEN.training, ranges=Ranges(0.0, 0.0, 0.0, flips=False))
    for stage in ("vertebrae", "segmentation"):
        chosen = replace(config.RELEASED[stage], training=still)
        subject = real_scans.subject(case, chosen, tmp_path)
        sample = batches.draw(subject, chosen, np.random.default_rng(0))
        upright = Upright.of(ct)
        center_mm = np.mean(list(subject.centroids_mm.values()), axis=0)
        if stage == "vertebrae":
            slack_mm = (subject.high_mm - subject.low_mm)[2] - 256
            shift = np.random.default_rng(0).uniform(-0.5, 0.5) * slack_mm
            middle_mm = (subject.low_mm + subject.high_mm)[2] / 2 + shift
            grid = Grid.centered((*center_mm[:2], middle_mm), chosen.size_vox, (2.0,) * 3)
        else:
            label = np.random.default_rng(0).choice(list(subject.centroids_mm))
            grid = segmentation.frame(subject.centroids_mm[label], chosen)
        wanted = geometry.network_input(upright.image, grid, chosen.smoothing_mm)
        assert np.allclose(sample.network_input[..., 0], wanted, rtol=0, atol=2e-3)


def test_intensities_are_shifted_and_scaled_as_the_generator_says(case, tmp_path):
    ranges = Ranges(0.0, 0.0, 0.0, flips=False, intensity_shift=0.25, intensity_scale=0.25)
    subjects = [
        real_scans.subject(case, replace(SEEN, training=replace(SEEN.training, ranges=r)), tmp_path)
        for r in (replace(ranges, intensity_shift=0.0, intensity_scale=0.0), ranges)
    ]
    grid = Grid.centered(CENTERS_MM[20], (16, 16, 16), (2.0, 2.0, 2.0))
    plain, changed = (
        geometry.to_array(s.scan(grid, np.random.default_rng(3)).ct) for s in subjects
    )
    slope, offset = np.polyfit(plain.ravel(), changed.ravel(), 1)
    assert 0.75 <= slope <= 1.25
    assert slope != pytest.approx(1, abs=1e-3)
    assert abs(offset / slope) <= 0.25 * 2048
    assert changed == pytest.approx(slope * plain + offset, abs=0.05)


def test_only_headers_are_read_until_a_scan_is_made(case, monkeypatch, tmp_path):
    monkeypatch.setattr(volume, "read_ct", None)
    subject = real_scans.subject(case, SEEN, tmp_path)
    assert list(subject.centroids_mm) == list(CENTERS_MM)
    for label, point_mm in CENTERS_MM.items():
        assert subject.centroids_mm[label] == pytest.approx(point_mm, abs=0.02)


def test_a_case_is_prepared_once_and_a_scan_reads_only_what_is_looked_at(
    case, tmp_path, monkeypatch
):
    grid = Grid.centered(CENTERS_MM[20], (8, 8, 8), (2.0, 2.0, 2.0))
    subject = real_scans.subject(case, SEEN, tmp_path / "prepared")
    first = subject.scan(grid, np.random.default_rng(1))
    monkeypatch.setattr(volume, "read_ct", None)
    looked_at = []
    near = real_scans.near

    def noted(*given):
        looked_at.append(near(*given))
        return looked_at[-1]

    monkeypatch.setattr(real_scans, "near", noted)
    again = subject.scan(grid, np.random.default_rng(1))
    assert np.array_equal(geometry.to_array(first.ct), geometry.to_array(again.ct))
    whole = np.prod(np.load(next((tmp_path / "prepared").glob("*_ct.npy"))).shape)
    assert looked_at[0][0].GetNumberOfPixels() < whole / 10


def test_a_corrected_file_is_used_whatever_was_prepared_before(case, tmp_path):
    grid = Grid.centered(CENTERS_MM[20], (8, 8, 8), (2.0, 2.0, 2.0))
    still = replace(SEEN, training=replace(SEEN.training, ranges=Ranges(0, 0, 0, flips=False)))

    def scanned():
        subject = real_scans.subject(case, still, tmp_path / "prepared")
        scan = subject.scan(grid, np.random.default_rng(1))
        return geometry.to_array(scan.labels), geometry.to_array(scan.ct)

    assert set(np.unique(scanned()[0])) == {20}
    label_map = volume.read_labels(case.labels)
    volume.write(label_map * 0 + 7, case.labels)  # the same name and size
    corrected, before = scanned()
    assert set(np.unique(corrected)) == {7}
    volume.write(volume.read_ct(case.ct).image + 20, case.ct)
    assert np.all(scanned()[1] > before + 15)


def test_beside_the_scan_there_is_air(case, tmp_path):
    subject = real_scans.subject(case, SEEN, tmp_path)
    far = Grid.centered(CENTERS_MM[20] + 900, (8, 8, 8), (2.0, 2.0, 2.0))
    scan = subject.scan(far, np.random.default_rng(1))
    assert np.all(geometry.to_array(scan.ct) == geometry.AIR_HU)
    assert scan.centroids_mm == {}
