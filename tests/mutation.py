"""Damaged files, made from whole ones: the byte-level mutations of AFL's havoc stage.

Hypothesis finds small counter-examples to statements; what is wanted here is thousands of files
that are almost right, each the same on every machine.
"""

import numpy as np

#: Numbers at the edges of what headers can hold.
EDGES = (
    0,
    1,
    -1,
    2,
    7,
    16,
    127,
    128,
    255,
    256,
    32767,
    -32768,
    65535,
    2**31 - 1,
    -(2**31),
    2**63 - 1,
)

#: Words that headers and JSON have a meaning for.
WORDS = (
    b"nan",
    b"-1",
    b"1e999",
    b"0",
    b"{",
    b"]",
    b'"',
    b"\n",
    b"\x00",
    b"..",
    b"/",
    b"True",
    b"99999999999",
)


def mutate(content: bytes, rng: np.random.Generator, header_bytes: int) -> bytes:
    """The content with one to four mutations, most of them within the header."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        end = len(data) if rng.random() < 0.1 else min(header_bytes, len(data))
        at = int(rng.integers(0, max(end, 1)))
        MUTATIONS[int(rng.integers(len(MUTATIONS)))](data, at, rng)
    return bytes(data)


def _flip(data: bytearray, at: int, rng: np.random.Generator) -> None:
    if data:
        data[at] ^= 1 << int(rng.integers(8))


def _overwrite(data: bytearray, at: int, rng: np.random.Generator) -> None:
    if data:
        data[at] = int(rng.integers(256))


def _edge(data: bytearray, at: int, rng: np.random.Generator) -> None:
    """A number of 1, 2, 4 or 8 bytes, of either byte order."""
    size = int(rng.choice([1, 2, 4, 8]))
    number = EDGES[int(rng.integers(len(EDGES)))] % 2 ** (8 * size)
    data[at : at + size] = number.to_bytes(size, str(rng.choice(["little", "big"])))


def _delete(data: bytearray, at: int, rng: np.random.Generator) -> None:
    del data[at : at + int(rng.integers(1, 32))]


def _repeat(data: bytearray, at: int, rng: np.random.Generator) -> None:
    data[at:at] = data[at : at + int(rng.integers(1, 64))]


def _insert(data: bytearray, at: int, rng: np.random.Generator) -> None:
    data[at:at] = WORDS[int(rng.integers(len(WORDS)))]


def _cut(data: bytearray, at: int, rng: np.random.Generator) -> None:
    if rng.random() < 0.3:
        del data[at:]


MUTATIONS = (_flip, _flip, _overwrite, _edge, _edge, _delete, _repeat, _insert, _cut)
