"""The released weights' importer, with random checkpoints in the released names and shapes."""

import shutil

import numpy as np
import pytest
import reference
from click.testing import CliRunner

from versectl.cli import main as cli
from versectl.errors import BadInputError, WeightsError
from versectl.networks import architectures, checkpoints, weights

NETWORKS = {
    "spine": (reference.unet_2019, 1),
    "vertebrae": (reference.scnet_2019, 1),
    "segmentation": (reference.unet_2019, 2),
}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A folder of checkpoints, and stage -> what was put in and what the reference answers."""
    folder = tmp_path_factory.mktemp("released")
    cases = {}
    for seed, (stage, (network, inputs)) in enumerate(NETWORKS.items()):
        get = reference.Variables(seed)
        seen = get.rng.normal(0, 0.5, (32, 16, 16, inputs)).astype(np.float32)
        cases[stage] = seen, network(seen, get)
        get.write(folder / f"any_{stage}" / f"model-{seed}")
    return folder, cases


@pytest.fixture(scope="module")
def imported(released, tmp_path_factory):
    out = tmp_path_factory.mktemp("weights")
    result = CliRunner().invoke(
        cli.main, ["weights", "import", str(released[0]), "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.split("\n")[:3] == [f"{stage}: VerSe 2019" for stage in NETWORKS]
    return out


@pytest.mark.parametrize("stage", NETWORKS)
def test_an_imported_network_answers_what_the_released_one_answers(released, imported, stage):
    seen, wanted = released[1][stage]
    answered = np.asarray(weights.load_network(imported, stage)(seen[None]))
    assert np.abs(wanted).max() > 0.05
    assert answered[0] == pytest.approx(wanted, abs=1e-4)


def test_every_stage_can_be_listed_verified_and_found(imported):
    listed = CliRunner().invoke(cli.main, ["weights", "list", "--weights", str(imported)])
    assert [line.split()[:3] for line in listed.stdout.splitlines()] == [
        ["spine", "unet", "published"],
        ["vertebrae", "scnet2019", "published"],
        ["segmentation", "unet", "published"],
    ]
    verified = CliRunner().invoke(cli.main, ["weights", "verify", "--weights", str(imported)])
    assert verified.stdout.split("\n")[:3] == [
        f"{stage}: complete and undamaged" for stage in NETWORKS
    ]
    path = CliRunner().invoke(cli.main, ["weights", "path"])
    assert path.stdout.strip() == str(weights.default_folder())


def test_a_stage_alone_is_imported_and_verifying_names_what_is_missing(released, tmp_path):
    found = checkpoints.import_folder(released[0] / "any_spine", tmp_path)
    assert found == {"spine": "VerSe 2019"}
    result = CliRunner().invoke(cli.main, ["weights", "verify", "--weights", str(tmp_path)])
    assert result.exit_code == 6
    assert "vertebrae.json is missing" in result.stderr


def test_importing_overwrites_no_weights(released, tmp_path):
    (tmp_path / "vertebrae.json").write_text("good")
    with pytest.raises(BadInputError, match=r"vertebrae.json exists and is not overwritten"):
        checkpoints.import_folder(released[0], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["vertebrae.json"]


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lengthened(path):
    path.write_bytes(path.read_bytes() + b"\0" * 64)


def emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("damage", [flipped, halved, lengthened, emptied, "gone"])
def test_a_damaged_file_ends_with_6_in_one_line_and_writes_nothing(
    released, tmp_path, part, damage
):
    folder, out = tmp_path / "bad", tmp_path / "out"
    shutil.copytree(released[0] / "any_spine", folder)
    path = folder / f"model-0.{part}"
    path.unlink() if damage == "gone" else damage(path)
    result = CliRunner().invoke(cli.main, ["weights", "import", str(folder), "--out", str(out)])
    assert result.exit_code == 6, result.output
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("net/local/output/kernel", lambda v: v[..., :0, :], "output/kernel is 3x3x3x0x1, not"),
        ("net/local/output/kernel", lambda v: v * np.nan, "output/kernel is not made of finite"),
        ("net/local/output/kernel", lambda v: v.astype(np.float64), "not made of finite 32-bit"),
        ("net/local/contracting/level5/conv0/bias", lambda _: np.ones(64, "f4"), "is unknown"),
        ("net/local/output/kernel", None, "output/kernel is missing"),
    ],
)
def test_another_network_is_refused_and_told_what_differs(tmp_path, name, change, message):
    get = reference.Variables(3)
    reference.unet_2019(np.zeros((16, 16, 16, 1), np.float32), get)
    changed = change(get.values.get(name)) if change else None
    get.values.pop(name, None)
    get.values |= {} if changed is None else {name: changed}
    get.write(tmp_path / "model")
    with pytest.raises(WeightsError, match=message):
        checkpoints.import_folder(tmp_path, tmp_path / "out")


def test_two_checkpoints_of_a_stage_and_an_empty_folder_are_refused(released, tmp_path):
    with pytest.raises(WeightsError, match="holds no TensorFlow checkpoint"):
        checkpoints.import_folder(tmp_path, tmp_path / "out")
    for name in ("a", "b"):
        shutil.copytree(released[0] / "any_spine", tmp_path / name)
    with pytest.raises(WeightsError, match="are both of spine; keep one"):
        checkpoints.import_folder(tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    ("stage", "parameters"),
    [("spine", 5_727_745), ("vertebrae", 7_044_628), ("segmentation", 5_730_337)],
)
def test_the_networks_of_verse_2020_have_as_many_parameters_as_released(stage, parameters):
    """The released number, which counts 26 sigmas with SC-Net's."""
    release = checkpoints.RELEASES[1]
    network = architectures.build(release.stages[stage].network)
    assert network.count_params() in (parameters, parameters - 26)
    assert len(checkpoints.expected(release, stage)) == len(network.weights)


def test_networks_of_verse_2020_are_given_to_programs_and_run_by_no_command(tmp_path):
    release = checkpoints.RELEASES[1]
    network = architectures.build(release.stages["vertebrae"].network)
    get = reference.Variables(0)
    get.values = {
        name: np.asarray(variable)
        for name, variable in checkpoints._named(release, "vertebrae", network)
    }
    get.write(tmp_path / "in" / "ckpt-1", slots=())
    assert checkpoints.import_folder(tmp_path / "in", tmp_path) == {"vertebrae": "VerSe 2020"}
    seen = np.random.default_rng(0).normal(size=(1, 32, 32, 32, 1)).astype(np.float32)
    again = weights.load_network(tmp_path, "vertebrae")
    assert np.asarray(again(seen)) == pytest.approx(np.asarray(network(seen)), abs=1e-7)
    with pytest.raises(WeightsError, match="which no command"):
        weights.load(tmp_path, "vertebrae")
