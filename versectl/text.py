"""Lists, counts and messages as people read them."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

#: chosen: names that a message lists.
LISTED = 5


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey: file names can hold anything."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def first_line(error: Exception) -> str:
    """The first line of an exception's message, without a full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else "no message"


def in_words(names: Sequence[str], last: str = "and") -> str:
    """All names, as a sentence has them.

    >>> in_words(["T11"]), in_words(["T11", "L5"]), in_words(["C7", "T1", "T2"])
    ('T11', 'T11 and L5', 'C7, T1 and T2')
    """
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def first_few(names: Sequence[str], most: int = LISTED) -> str:
    """The first names of many, and how many more there are.

    >>> first_few(["a", "b"]), first_few("abcdefg")
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def fitting(lines: Sequence[T], most: int) -> tuple[list[T], int]:
    """What fits into so many lines, the last of which says how many are left out; and how many.

    >>> fitting("abc", 3), fitting("abcde", 3)
    ((['a', 'b', 'c'], 0), (['a', 'b'], 3))
    """
    kept = lines if len(lines) <= most else lines[: most - 1]
    return list(kept), len(lines) - len(kept)


def span(names: Sequence[str]) -> str:
    """The first and the last of these vertebrae; empty where there is none.

    >>> span(["T9", "T10", "T11"]), span(["L1"]), span([])
    ('T9 to T11', 'L1', '')
    """
    return " to ".join(dict.fromkeys((names[0], names[-1]))) if names else ""


def counted(names: Sequence[str]) -> str:
    """Which vertebrae, and how many.

    >>> counted(["T9", "T10", "T11"]), counted(["L1"])
    ('T9 to T11, 3 vertebrae', 'L1 alone')
    """
    return f"{span(names)}, {len(names)} vertebrae" if names[1:] else f"{names[0]} alone"


def count(number: int, one: str, many: str = "") -> str:
    """How many there are. many : their word, if it is not that of one with an s.

    >>> count(1, "case"), count(0, "case"), count(2, "vertebra", "vertebrae")
    ('1 case', '0 cases', '2 vertebrae')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def levels(shift: int) -> str:
    """How far labels are off, up or down.

    >>> levels(-1), levels(2)
    ('one level', '2 levels')
    """
    return "one level" if abs(shift) == 1 else f"{abs(shift)} levels"
