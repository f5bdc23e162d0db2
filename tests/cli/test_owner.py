import os

import pytest

from versectl.cli import owner


@pytest.fixture
def mine():
    return os.getuid(), os.getgid()


@pytest.mark.parametrize(
    "words",
    [
        "run-all {0}/in {0}/out",
        "run-all {0}/in {0}/new/out --preview --device cpu",
        "run-all --device cpu {0}/in {0}/out",
        "evaluate --pred {0}/in --gt {0}/gt",
        "weights import {0}/in --out {0}/out",
        "train spine --out {0}/out",
        "serve-challenge --output {0}/out",
    ],
)
def test_the_owner_of_the_output_folder_or_of_its_nearest_parent(words, tmp_path, mine):
    assert owner.owner(words.format(tmp_path).split()) == mine


def test_the_output_folder_counts_not_the_input(tmp_path):
    assert owner.owner(["run-all", str(tmp_path), "/proc/none"]) == (0, 0)


@pytest.mark.parametrize("words", ["", "--help", "run-all", "run-all --nonsense", "nonsense a b"])
def test_without_a_folder_it_is_nobody(words):
    assert owner.owner(words.split()) == owner.NOBODY
