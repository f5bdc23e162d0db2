from dataclasses import replace

import numpy as np
import pytest

from versectl import config
from versectl.geometry import Grid
from versectl.stages import heatmap, tiling

CONFIG = replace(config.DEFAULT["vertebrae"], size_vox=(32, 24, 48), tile_step_vox=12)
LANE = Grid((32, 24, 256), (2.0,) * 3, (-40.0, 11.0, -700.0))
CENTER_MM = np.array([-9.0, 34.0, -450.0])


def bent_mm(height_mm):
    """A spine that leaves the lane, to the left above and below and to the back above."""
    off = height_mm - CENTER_MM[2]
    return np.array([CENTER_MM[0] + 0.0012 * off**2, CENTER_MM[1] + 0.25 * off, height_mm])


def shown(tile, places_mm):
    """What a tile shows: heatmaps of two names, in turn, at the places it holds."""
    grid = tile.coarsened(CONFIG.network.patch_vox)
    heat = np.zeros((*grid.shape, 2), np.float32)
    for number, place_mm in enumerate(places_mm):
        if tile.contains(place_mm):
            at = heat[..., number % 2]
            np.maximum(at, heatmap.gaussian(place_mm, 5.0, grid), out=at)
    return tiling.Seen(heat, grid)


@pytest.mark.parametrize(
    ("size", "starts"), [(128, [0]), (144, [0, 16]), (200, [0, 64, 72]), (304, [0, 64, 128, 176])]
)
def test_tiles_are_half_a_tile_apart_and_the_last_ends_at_the_end(size, starts):
    assert tiling.starts(size, 128, 64) == starts


def test_a_spine_that_leaves_the_lane_is_followed_to_both_its_ends():
    places_mm = [bent_mm(height_mm) for height_mm in np.arange(-660, -220, 22.0)]
    seen = tiling.follow(LANE, CENTER_MM, lambda tile: shown(tile, places_mm), CONFIG)
    heat, grid = tiling.merged(seen)
    for number, place_mm in enumerate(places_mm):
        at = np.rint(grid.to_vox(place_mm)).astype(int)[::-1]
        assert heat[(*at, number % 2)] > 0.8
    assert not all(LANE.contains(place_mm) for place_mm in places_mm)


def test_the_tile_nearest_to_the_centre_comes_first_then_those_above_then_those_below():
    begins_mm = []

    def look(tile):
        begins_mm.append(tile.origin_mm[2])
        return shown(tile, [])

    tiling.follow(LANE, CENTER_MM, look, CONFIG)
    first = begins_mm[0]
    assert first == pytest.approx(CENTER_MM[2] - 47, abs=24)
    assert sorted(begins_mm) == pytest.approx(
        [LANE.origin_mm[2] + 2 * z for z in tiling.starts(256, 48, 24)]
    )
    assert begins_mm[1] == first + 48
    assert begins_mm[begins_mm.index(max(begins_mm)) + 1] == first - 48


def test_where_nothing_is_seen_all_tiles_lie_in_the_lane():
    seen = tiling.follow(LANE, CENTER_MM, lambda tile: shown(tile, []), CONFIG)
    heat, grid = tiling.merged(seen)
    assert grid == LANE.coarsened(2)
    assert not heat.any()


@pytest.mark.parametrize(("height_mm", "side"), [(-200.0, 1), (-500.0, -1)])
def test_a_spine_goes_straight_on(height_mm, side):
    tile = Grid((64, 64, 96), (2.0,) * 3, (-60.0, -40.0, -450.0))
    middle_mm = (np.array(tile.origin_mm) + tile.last_mm) / 2
    lean = np.array([0.2, -0.1, 1.0])
    places_mm = [middle_mm + lean * off for off in (-70, -46, -22, 22, 46, 70)]
    seen = shown(tile, places_mm)
    wanted_mm = middle_mm + lean * (height_mm - middle_mm[2])
    found_mm = tiling.onward_mm(seen, middle_mm, height_mm, 0.05)
    assert found_mm == pytest.approx(wanted_mm, abs=3)
    assert np.sign(height_mm - middle_mm[2]) == side


def test_a_spine_that_ends_in_the_tile_stays_beside_it():
    tile = Grid((64, 64, 96), (2.0,) * 3, (-60.0, -40.0, -450.0))
    middle_mm = (np.array(tile.origin_mm) + tile.last_mm) / 2
    seen = shown(tile, [middle_mm + [30, 20, -50]])
    at_mm = middle_mm + [7, -3, 0]
    assert tiling.onward_mm(seen, at_mm, -200.0, 0.05).tolist() == [*at_mm[:2], -200.0]
    below_mm = tiling.onward_mm(seen, at_mm, -500.0, 0.05)
    assert below_mm == pytest.approx([*(middle_mm + [30, 20, 0])[:2], -500.0], abs=2)


def test_tiles_between_others_lie_halfway_on_common_patches_from_foot_to_head():
    origins_mm = [(-60.0, -40.0, 100.0), (-44.0, -52.0, -28.0), (-60.0, -60.0, -100.0)]
    tiles = [Grid((32, 24, 64), (2.0,) * 3, origin_mm) for origin_mm in origins_mm]
    lower, upper = tiling.between(tiles, 2)
    assert {tile.size_vox for tile in (lower, upper)} == {(32, 24, 64)}
    assert lower.origin_mm == pytest.approx((-52.0, -56.0, -64.0), abs=2)
    assert upper.origin_mm == pytest.approx((-52.0, -46.0, 36.0), abs=2)
    for tile in (lower, upper):
        patches = tiles[0].to_vox(tile.origin_mm) / 2
        assert patches == pytest.approx(np.rint(patches))


def test_a_single_tile_has_none_beside_it():
    assert tiling.between([Grid((32, 24, 64), (2.0,) * 3, (0.0, 0.0, 0.0))], 2) == []


def test_tiles_are_merged_by_their_mean_and_count_less_towards_their_ends():
    rng = np.random.default_rng(0)
    one, other = (
        tiling.Seen(rng.random((6, 5, 4, 3)).astype(np.float32), Grid((4, 5, 6), (4.0,) * 3, at_mm))
        for at_mm in ((8.0, 0.0, -20.0), (0.0, 12.0, -8.0))
    )
    heat, grid = tiling.merged([one, other])
    assert (grid.size_vox, grid.origin_mm) == ((6, 8, 9), (0.0, 0.0, -20.0))
    wanted = np.zeros((9, 8, 6, 3), np.float32)
    wanted[:6, :5, 2:] = one.heat
    wanted[3:, 3:, :4] = other.heat
    for z, (count, count_other) in enumerate([(3, 1), (2, 2), (1, 3)]):  # thirds
        both = count * one.heat[z + 3, 3:, :2] + count_other * other.heat[z, :2, 2:]
        wanted[z + 3, 3:5, 2:4] = both / 4
    assert heat == pytest.approx(wanted, abs=1e-6)
    assert tiling.merged([other, one]).heat == pytest.approx(heat, abs=1e-6)


def test_a_single_tile_stays_as_it_is_up_to_its_ends():
    heat = np.random.default_rng(1).random((7, 3, 2, 4)).astype(np.float32)
    grid = Grid((2, 3, 7), (4.0,) * 3, (5.0, -3.0, 80.0))
    assert tiling.merged([tiling.Seen(heat, grid)]).heat == pytest.approx(heat, abs=1e-6)
