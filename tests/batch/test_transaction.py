"""A case's files come into the output folder together, whenever the run that makes them dies."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from versectl.batch import transaction
from versectl.errors import BadInputError, BusyError, OutputError


def make(place, *names):
    place.making.mkdir(parents=True)
    for name in names:
        (place.making / name).write_text(name)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_appear_when_all_are_made(tmp_path):
    with transaction.begin(tmp_path, "a") as place:
        make(place, "a_seg.nii.gz", "a_report.json")
        assert names(tmp_path) == [".versectl"]
        place.commit()
    assert names(tmp_path) == ["a_report.json", "a_seg.nii.gz"]


def test_what_is_not_committed_is_gone(tmp_path):
    with transaction.begin(tmp_path, "a") as place:
        make(place, "a_seg.nii.gz")
    assert names(tmp_path) == []


def test_a_report_goes_when_its_results_are_replaced(tmp_path):
    (tmp_path / "a_report.json").touch()
    with transaction.begin(tmp_path, "a") as place:
        make(place, "a_seg.nii.gz")
        place.commit()
    assert names(tmp_path) == ["a_seg.nii.gz"]


def test_what_a_dead_run_had_ready_is_moved_in_and_the_rest_thrown_away(tmp_path):
    """The run died between two moves of one case, and in the middle of another."""
    hidden = tmp_path / ".versectl"
    (hidden / "a.ready").mkdir(parents=True)
    (hidden / "a.ready" / "a_report.json").touch()
    (tmp_path / "a_seg.nii.gz").touch()
    make(transaction.Transaction(tmp_path, "b"), "b_seg.nii.gz")
    for name in "ab":
        (hidden / f"{name}.lock").touch()
    transaction.sweep(tmp_path)
    assert names(tmp_path) == ["a_report.json", "a_seg.nii.gz"]


def test_a_run_that_died_after_the_last_move_has_done_its_case(tmp_path):
    (tmp_path / ".versectl" / "a.ready").mkdir(parents=True)
    (tmp_path / "a_report.json").touch()
    with transaction.begin(tmp_path, "a"):
        pass
    assert names(tmp_path) == ["a_report.json"]


def test_a_case_is_held_once(tmp_path):
    with transaction.begin(tmp_path, "a"):
        assert transaction.locked(tmp_path) == ["a"]
        with pytest.raises(BusyError), transaction.begin(tmp_path, "a"):
            pass
        with transaction.begin(tmp_path, "b"):
            pass
    assert transaction.locked(tmp_path) == []


def test_a_case_is_interrupted_when_nobody_holds_its_lock(tmp_path):
    hidden = tmp_path / ".versectl"
    hidden.mkdir()
    (hidden / "b.lock").touch()
    (hidden / "b.lock").chmod(0o444)
    with transaction.begin(tmp_path, "a"):
        assert transaction.locked(tmp_path) == ["a", "b"]
        assert transaction.interrupted(tmp_path) == ["b"]
        assert transaction.interrupted(tmp_path) == ["b"]
        assert (hidden / "b.lock").exists()


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="cannot be written there"),
        transaction.begin(tmp_path / "file", "a"),
    ):
        pass


def test_a_name_too_long_costs_its_case_only(tmp_path):
    with pytest.raises(BadInputError, match="too long"), transaction.begin(tmp_path, "a" * 300):
        pass


def test_many_cases_may_come_and_go_at_once(tmp_path):
    """Each removes the hidden folder when it is empty, just as another one needs it."""

    def work(name):
        for _ in range(300):
            with transaction.begin(tmp_path / "out", name) as place:
                place.making.mkdir()
        return name

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(work, "abc")) == ["a", "b", "c"]
    assert not list((tmp_path / "out").iterdir())


def test_putting_a_folder_in_order_does_not_wait_for_other_runs(tmp_path, monkeypatch):
    def no_waiting(_seconds):
        raise AssertionError("it waits")

    monkeypatch.setattr("time.sleep", no_waiting)
    (tmp_path / ".versectl" / "b.making").mkdir(parents=True)
    (tmp_path / ".versectl" / "b.lock").touch()
    with transaction.begin(tmp_path, "a"):
        transaction.sweep(tmp_path)
        assert transaction.locked(tmp_path) == ["a"]
        assert not (tmp_path / ".versectl" / "b.making").exists()


def test_outdated_files_go_when_the_new_ones_have_come(tmp_path):
    (tmp_path / "a_seg.dcm").touch()
    (tmp_path / "a_preview.png").touch()
    with transaction.begin(tmp_path, "a") as place:
        make(place, "a_seg.nii.gz", "a_report.json")
        place.commit(["a_seg.dcm"])
    assert names(tmp_path) == ["a_preview.png", "a_report.json", "a_seg.nii.gz"]


def test_what_a_dead_run_would_have_removed_is_removed_later(tmp_path, monkeypatch):
    """The run died after its files had come, before the outdated ones were gone."""
    (tmp_path / "a_seg.dcm").touch()

    def dies(_files, _listed):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(transaction.Transaction, "_remove_outdated", dies)
        with transaction.begin(tmp_path, "a") as place:
            make(place, "a_seg.nii.gz", "a_report.json")
            with pytest.raises(KeyboardInterrupt):
                place.commit(["a_seg.dcm"])
    assert names(tmp_path) == [".versectl", "a_seg.dcm", "a_seg.nii.gz"]
    with transaction.begin(tmp_path, "a"):
        pass
    assert names(tmp_path) == ["a_report.json", "a_seg.nii.gz"]
