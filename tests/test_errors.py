"""What exceptions mean, and records that hold what they cannot."""

from dataclasses import dataclass
from typing import Literal

import pytest

from versectl import errors
from versectl.errors import BadInputError, OutOfMemoryError


class ResourceExhaustedError(Exception):
    """Stands for TensorFlow's, which is known by its name."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("too big"),
        ResourceExhaustedError("OOM when allocating tensor"),
        RuntimeError("itk::ERROR: Failed to allocate memory for image."),
        RuntimeError("Exception thrown in SimpleITK ImageFileReader_Execute: std::bad_alloc"),
        RuntimeError("bad allocation"),
        RuntimeError("[CPU] Gather node: Failed to allocate 335544320 bytes of memory"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1761607680 bytes."),
    ],
)
def test_a_lack_of_memory_is_known_whichever_library_tells_of_it(error):
    assert errors.is_out_of_memory(error)
    assert isinstance(errors.explain(error), OutOfMemoryError)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("itk::ERROR: the file is cut off"), ValueError("bad_alloc"), BadInputError("")],
)
def test_other_errors_are_no_lack_of_memory(error):
    assert not errors.is_out_of_memory(error)


def test_a_file_that_may_not_be_read_is_to_be_made_readable(tmp_path, monkeypatch):
    scan = tmp_path / "b.nii.gz"
    scan.touch()
    denied = PermissionError(13, "Permission denied", str(scan))
    assert str(errors.explain(denied)) == f"{scan}: Permission denied."
    monkeypatch.setattr(errors.os, "access", lambda *_: False)
    assert str(errors.explain(denied)) == f"{scan}: Permission denied; make it readable."


@dataclass
class Asked:
    size: int
    kind: Literal["one", "two", "three"] = "one"


def test_a_word_that_a_field_does_not_know_is_named_with_those_it_knows():
    assert errors.wrong_choice(Asked(3)) is None
    assert errors.wrong_choice(Asked(3, "four")) == "kind is 'four'; use one, two or three"
    assert errors.wrong_choice(Asked(3, ["one"])) == "kind is ['one']; use one, two or three"
    with pytest.raises(BadInputError, match="kind is None"):
        errors.refuse_wrong_choice(Asked(3, None))
