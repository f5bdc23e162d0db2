"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(names: Sequence[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """Lines of a table with these columns."""
    return [*head(names), *map(row, rows)]


def head(names: Sequence[object]) -> list[str]:
    """The two lines above the rows."""
    return [row(names), "|" + "---|" * len(names)]


def row(cells: Iterable[object]) -> str:
    """A row; a cell may be empty."""
    return "|" + "".join(f" {cell} |" if str(cell) else " |" for cell in cells)
