"""Mistakes a user can fix, each with the exit code the command line ends with."""


class VersectlError(Exception):
    """Something went wrong that one line can explain: what, where, and what to do."""

    exit_code = 1


class BadInputError(VersectlError):
    """A file, folder or volume that versectl cannot work on."""

    exit_code = 3


class PartialFailureError(VersectlError):
    """Some cases of a batch failed; the others are done."""

    exit_code = 4


class OutOfMemoryError(VersectlError):
    """The volume or the network does not fit into the memory at hand."""

    exit_code = 5


class WeightsError(VersectlError):
    """Network weights are missing, damaged, or do not fit the network."""

    exit_code = 6
