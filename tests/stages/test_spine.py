import numpy as np
import pytest
from phantoms import CENTERS_MM, MIDDLE_MM

from versectl import config, geometry
from versectl.stages import spine
from versectl.types import Model

CONFIG = config.DEFAULT["spine"]


def test_the_target_read_back_is_the_middle_of_the_spine(phantom):
    ct, _ = phantom

    def always_right(seen):
        grid = spine.frame(ct, CONFIG)
        return 20 * (spine.target(CENTERS_MM, grid, CONFIG) - 0.5)

    found = spine.predict(ct, Model(CONFIG, always_right))
    assert found.center_mm == pytest.approx(np.mean(list(CENTERS_MM.values()), axis=0), abs=2.0)
    assert found.peak > 0.9


def test_a_threshold_as_network_finds_bright_blocks(phantom):
    ct, _ = phantom
    found = spine.predict(ct, Model(CONFIG, lambda seen: 40 * (seen - 0.2)))
    assert found.center_mm == pytest.approx(np.mean(list(CENTERS_MM.values()), axis=0), abs=4.0)


def test_a_scan_without_response_has_no_spine(phantom):
    found = spine.predict(phantom[0], Model(CONFIG, lambda seen: seen * 0 - 9))
    assert not found.is_in_view
    assert found.peak < 0.01


def test_the_box_is_8_mm_round_the_middle_of_the_scan(phantom):
    grid = spine.frame(phantom[0], CONFIG)
    assert grid.size_vox == (64, 64, 128)
    assert grid.spacing_mm == (8.0, 8.0, 8.0)
    middle_mm = (np.array(grid.origin_mm) + grid.last_mm) / 2
    assert middle_mm == pytest.approx(MIDDLE_MM, abs=1.5)


def test_a_longer_scan_gets_a_longer_box_the_network_can_halve():
    import SimpleITK as sitk

    tall = sitk.Image([4, 4, 500], sitk.sitkInt16)
    tall.SetSpacing((90.0, 90.0, 3.3))
    length = spine.frame(tall, CONFIG).size_vox[2]
    assert length * CONFIG.spacing_mm >= 499 * 3.3
    assert length % CONFIG.network.divisor == 0


def test_the_box_shows_hounsfield_units_over_2048_and_air_outside(phantom):
    grid = spine.frame(phantom[0], CONFIG)
    seen = spine.box(phantom[0], grid, CONFIG)
    assert seen.shape == (128, 64, 64, 1)
    assert seen[0, 0, 0, 0] == pytest.approx(geometry.AIR_HU / 2048)
    assert -0.05 < np.median(seen[seen > -0.4]) < 0.5
