"""Files are whole or not there."""

import errno
import json
import math

import numpy as np
import pytest

from versectl.io import atomic


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "result.txt"
    with atomic.replacing(path, ".txt") as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.name.endswith(".txt")
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_keeps_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def interrupted():
        with atomic.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_named_and_not_the_one_aside(tmp_path, monkeypatch):
    path = tmp_path / "new.csv"
    path.mkdir()
    with pytest.raises(OSError, match="Is a directory; give the name of a file") as refused:
        atomic.write_csv(["a"], [], path)
    assert refused.value.filename == str(path)

    def refuse(*_file):
        raise PermissionError(errno.EACCES, "Permission denied", "aside")

    monkeypatch.setattr(atomic.os, "open", refuse)
    with pytest.raises(PermissionError, match="make its folder writable") as refused:
        atomic.write_json([], path)
    assert refused.value.filename == str(path)


def test_others_may_read_a_result_as_far_as_the_umask_says(tmp_path):
    atomic.write_json([], tmp_path / "a.json")
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_is_strict_and_keeps_its_meaning(tmp_path):
    content = {
        "nan": float("nan"),
        "rows": [{"point": np.array([1.5, np.inf]), "n": np.int64(3)}] * 9,
        "name": "Wirbelsäule [a, b]",
        "none": None,
        "pair": (1, 2),
        1: True,
    }
    atomic.write_json(content, tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text(encoding="utf-8")

    def refuse(constant):
        raise AssertionError(constant)

    found = json.loads(text, parse_constant=refuse)
    assert found == {
        "nan": None,
        "rows": [{"point": [1.5, None], "n": 3}] * 9,
        "name": "Wirbelsäule [a, b]",
        "none": None,
        "pair": [1, 2],
        "1": True,
    }
    assert text.count("\n") > 9
    assert text.endswith("}\n")


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert atomic.sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_the_umask_of_other_threads_is_never_touched(tmp_path, monkeypatch):
    def umask(_mask):
        raise AssertionError("the umask belongs to the whole process")

    monkeypatch.setattr("os.umask", umask)
    atomic.write_json([], tmp_path / "a.json")


def test_a_number_that_is_not_known_is_null_in_a_file_and_read_as_nan(tmp_path):
    atomic.write_json({"peak": math.nan, "volume_ml": 31}, tmp_path / "a.json")
    read = atomic.read_json(tmp_path / "a.json")
    assert read["peak"] is None
    assert math.isnan(atomic.number(read["peak"]))
    assert atomic.number(read["volume_ml"]) == 31.0
