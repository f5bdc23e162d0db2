"""Mistakes a user can fix, each with the exit code the command line ends with."""

import errno
import os
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from versectl.text import first_line, in_words

#: No space, no quota, a file longer than is allowed.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

#: Names of exceptions that mean a lack of memory: Python's, TensorFlow's, PyTorch's on a GPU.
LACKS_MEMORY_NAMES = {"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"}

#: What other RuntimeErrors say then, as seen under a limit of memory.
LACKS_MEMORY = (
    "allocate memory",  # ITK; PyTorch on a CPU
    "Failed to allocate",  # OpenVINO
    "RESOURCE_EXHAUSTED",  # JAX
    "bad allocation",  # C++ behind any of them
    "bad_alloc",
)


class VersectlError(Exception):
    """Something went wrong that one line can explain: what, where, and what to do."""

    exit_code = 1


class SetupError(VersectlError):
    """What every case needs is not there; no case can be done."""


class DeviceError(SetupError):
    """The engine, device or precision asked for is not there."""

    exit_code = 2


class PackageError(SetupError):
    """A package that is installed on demand only is missing."""

    exit_code = 2


class ClusterError(SetupError):
    """Dask is not installed, or no scheduler answers."""

    exit_code = 2


class BadInputError(VersectlError):
    """A file, folder or volume that versectl cannot work on."""

    exit_code = 3


class DamagedError(BadInputError):
    """A file that is cut off, or whose bytes are no longer those that were written."""


class OutputError(SetupError):
    """The output folder cannot be written."""

    exit_code = 3


class PartialFailureError(VersectlError):
    """Some cases of a batch failed; the others are done."""

    exit_code = 4


class FlaggedError(VersectlError):
    """Results are written, but a flag says that they are likely wrong, and --strict was given."""

    exit_code = 4


class TimeLimitError(VersectlError):
    """A case took longer than --timeout-s."""

    exit_code = 4


class OutOfMemoryError(VersectlError):
    """The volume or the network does not fit into the memory at hand."""

    exit_code = 5


class DivergedError(VersectlError):
    """The loss of a training is no longer a number; the last good checkpoint is kept."""


class WeightsError(SetupError):
    """Network weights are missing, damaged, or do not fit the network."""

    exit_code = 6


class BusyError(VersectlError):
    """Another run is processing the case."""

    exit_code = 7


def missing(path: Path | str) -> BadInputError:
    """The error of a file or folder that is not there, or whose link leads to nothing."""
    if os.path.islink(path):
        return BadInputError(f"{path} is a broken link: what it leads to is not there; fetch it.")
    return BadInputError(f"{path} does not exist.")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an exception, of whatever library, means that memory did not suffice."""
    # Neither engines nor ITK are imported here: their errors are known by name or text.
    named = {cls.__name__ for cls in type(error).__mro__} & LACKS_MEMORY_NAMES
    says_so = isinstance(error, RuntimeError) and any(text in str(error) for text in LACKS_MEMORY)
    return bool(named) or says_so


def explain(error: Exception) -> VersectlError:
    """Any exception as the error a user is shown, with the right exit code."""
    if isinstance(error, VersectlError):
        return error
    explained = _explained(error)
    explained.__cause__ = error
    return explained


def refuse_wrong_choice(record: object) -> None:
    """BadInputError where a field of a record holds none of the words of its Literal type."""
    wrong = wrong_choice(record)
    if wrong:
        raise BadInputError(f"{wrong}.")


def wrong_choice(record: object) -> str | None:
    """The first field of a record that holds none of the words of its Literal type; else None.

    What comes from a user's code or a file is checked so; inside versectl, types are enough.
    """
    for name, kind in get_type_hints(type(record)).items():
        words, given = get_args(kind), vars(record).get(name)
        if get_origin(kind) is Literal and given not in words:
            return f"{name} is {given!r}; use {in_words(words, 'or')}"
    return None


def _explained(error: Exception) -> VersectlError:
    if is_out_of_memory(error):
        return OutOfMemoryError(
            "there is not enough memory; close other programs, crop the scan, "
            "or use a machine with more memory (device cpu if the GPU was too small)."
        )
    if isinstance(error, OSError) and error.errno in FULL:
        return BadInputError(
            f"the disk is full ({error.strerror}); free some space or use another folder."
        )
    if isinstance(error, FileNotFoundError) and os.path.islink(error.filename or ""):
        return missing(error.filename)
    if isinstance(error, OSError) and error.filename is not None:
        unreadable = os.path.exists(error.filename) and not os.access(error.filename, os.R_OK)
        advice = "; make it readable" if unreadable else ""
        return BadInputError(f"{error.filename}: {error.strerror}{advice}.")
    if isinstance(error, OSError):
        return BadInputError(f"a file could not be read or written: {error}.")
    return VersectlError(
        f"internal error, {type(error).__name__}: {first_line(error)}. "
        "Run again with -v for the details, and please report it."
    )
