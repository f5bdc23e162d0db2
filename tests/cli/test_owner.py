import os

import click
import pytest

from versectl.cli import owner
from versectl.cli.main import main


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
        "rank {0}/a {0}/b --gt {0}/gt",
        "view {0}/out/scan --no-browser",
        "relabel {0}/out --shift 1",
        "doctor --weights {0}/weights",
        "series {0}/study.zip",
    ],
)
def test_the_owner_of_the_output_folder_or_of_its_nearest_parent(words, tmp_path, mine):
    assert owner.owner(words.format(tmp_path).split()) == mine


def commands(group, context, words=()):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, context, (*words, name))
        else:
            yield (*words, name), command


def given(parameter, path):
    """The words that give a parameter a path."""
    return [path] if isinstance(parameter, click.Argument) else [parameter.opts[0], path]


@pytest.mark.parametrize(
    ("words", "parameter"),
    [
        (words, parameter)
        for words, command in commands(main, click.Context(main))
        for parameter in command.params
        if isinstance(parameter.type, click.Path)
    ],
    ids=str,
)
def test_the_owner_of_any_path_that_a_command_is_given_alone(words, parameter, tmp_path, mine):
    assert owner.owner([*words, *given(parameter, str(tmp_path / "there.csv"))]) == mine


def test_the_output_folder_counts_not_the_input(tmp_path):
    assert owner.owner(["run-all", str(tmp_path), "/proc/none"]) == (0, 0)


@pytest.mark.parametrize("words", ["", "--help", "run-all", "run-all --nonsense", "nonsense a b"])
def test_without_a_folder_it_is_nobody(words):
    assert owner.owner(words.split()) == owner.NOBODY
