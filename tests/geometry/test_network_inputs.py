"""What a network sees of a CT."""

import itertools
import tracemalloc

import numpy as np
import pytest
from phantoms import LPS, PIR, draw, oblique

from versectl import geometry
from versectl.geometry import Grid, network_inputs


@pytest.mark.parametrize("direction", [oblique(LPS), oblique(PIR)], ids=str)
def test_a_large_oblique_scan_is_smoothed_in_parts_and_gives_the_same_network_input(
    direction, monkeypatch
):
    ct, _ = draw(direction=direction)
    grid = Grid.centered(geometry.center(ct), (11, 13, 15), (8.0, 8.0, 8.0))
    whole = geometry.network_input(ct, grid, 3.0)
    smoothed = []
    smooth = geometry.smooth

    def noted(image, sigma_mm):
        smoothed.append(image.GetNumberOfPixels())
        return smooth(image, sigma_mm)

    monkeypatch.setattr(network_inputs, "smooth", noted)
    most = ct.GetNumberOfPixels() * 3 // 4
    monkeypatch.setattr(network_inputs, "MOST_FLOAT_VOX", most)
    parts = geometry.network_input(ct, grid, 3.0)
    assert len(smoothed) > 1
    assert max(smoothed) <= most
    assert parts == pytest.approx(whole, abs=2e-3)  # 4 HU


def filtered_by_itk(ct, grid, smoothing_mm):
    smooth = geometry.resample(geometry.smooth(ct, smoothing_mm), grid)
    return np.clip(geometry.to_array(smooth) / geometry.UNIT_HU, -1, 1)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("ways", [(1, 1, 1), (-1, 1, -1), (1, -1, -1)], ids=str)
def test_axes_along_the_world_give_what_filters_of_the_whole_volume_give(order, ways):
    direction = np.zeros((3, 3))
    direction[list(order), range(3)] = ways
    ct, _ = draw(direction=tuple(direction.ravel().tolist()))
    assert geometry.axes_along_world(ct) is not None
    low_mm, high_mm = geometry.extent(ct)
    for spacing_mm, smoothing_mm in ((1.0, 0.75), (8.0, 3.0)):
        size_vox = np.array([30, 40, 50]) if spacing_mm == 1 else np.array([13, 14, 15])
        partly_outside_mm = low_mm + np.array([0.2, 0.5, 0.8]) * (high_mm - low_mm)
        grid = Grid.centered(partly_outside_mm, size_vox, (spacing_mm,) * 3)
        seen = geometry.network_input(ct, grid, smoothing_mm)
        assert seen == pytest.approx(filtered_by_itk(ct, grid, smoothing_mm), abs=1e-5)


def test_a_grid_beside_the_scan_shows_air():
    ct, _ = draw()
    grid = Grid.centered(geometry.center(ct) + [0, 900, 0], (4, 5, 6), (2.0, 2.0, 2.0))
    seen = geometry.network_input(ct, grid, 0.75)
    assert np.all(seen == geometry.AIR_HU / geometry.UNIT_HU)


def test_no_more_of_a_scan_than_a_part_is_held_in_floats():
    hounsfield = np.zeros((300, 200, 210), np.int16)
    ct = geometry.from_array(hounsfield, Grid((210, 200, 300), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
    grid = Grid.centered(geometry.center(ct), (32, 32, 48), (8.0, 8.0, 8.0))
    tracemalloc.start()
    geometry.network_input(ct, grid, 3.0)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2 * hounsfield.nbytes  # floats of all of it, once: 2 times
