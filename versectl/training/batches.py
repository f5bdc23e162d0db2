"""The whole way of a training sample, from somebody who can be scanned to a batch.

    subject   a simulated body, or a real case with its truth   simulated_scans.py, real_scans.py
    scan      its CT and truth on one grid, distorted           subject.scan(grid, rng)
    sample    network input and target of a stage               samples.py, published_samples.py
    repeated  shown several times, every second time mirrored, in mixed order
    batch     samples of one size stacked                       loop.py takes a step on each

Subjects, scans and samples are made in worker processes (prefetch.py), which load no network
library. A sample depends on the seed and its own number alone.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from versectl.config import StageConfig
from versectl.synth.subject import Subject
from versectl.training import prefetch, published_samples, samples
from versectl.training.samples import Sample

#: chosen: samples that are shuffled together.
POOL = 48

#: Makes the subjects of a training; must be picklable.
Source = Callable[[], Sequence[Subject]]

#: Protocol -> how it draws the samples of each stage.
DRAW = {"default": samples.DRAW, "published": published_samples.DRAW}


class Batch(NamedTuple):
    """Samples stacked: (batch, z, y, x, channels), or (batch, labels, 4) for points."""

    network_input: np.ndarray
    target: np.ndarray
    counts: np.ndarray | None


def batches(
    config: StageConfig, source: Source, seed: int, first: int, workers: int
) -> Generator[Batch, None, None]:
    """The batches of a training, without end, from step `first` on, counted from 0."""
    training = config.training
    first_sample = first * training.batch // training.repeats
    rng = np.random.default_rng([seed, first])
    maker = SampleMaker(config, source, seed)
    with closing(prefetch.ahead(maker, first_sample, workers)) as fresh:
        shown = repeated(fresh, training.repeats, rng)
        yield from map(stacked, grouped(shown, training.batch))


@dataclass(frozen=True)
class SampleMaker:
    """Hands a worker process what it needs: called there once, it gives number -> sample."""

    config: StageConfig
    source: Source
    seed: int

    def __call__(self) -> Callable[[int], Sample]:
        """The function that makes the sample of a number."""
        subjects = self.source()
        weights = np.array([subject.weight for subject in subjects])
        shares = weights / weights.sum()

        def make(number: int) -> Sample:
            rng = np.random.default_rng([self.seed, number])
            subject = subjects[rng.choice(len(subjects), p=shares)]
            return draw(subject, self.config, rng)

        return make


def draw(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A random sample of a subject for a stage, by the configuration's protocol."""
    if subject.is_smooth:
        config = replace(config, smoothing_mm=0.0)
    return DRAW[config.protocol][config.stage](subject, config, rng)


def repeated(fresh: Iterator[Sample], repeats: int, rng: np.random.Generator) -> Iterator[Sample]:
    """Each sample so many times, every second time mirrored, shuffled within a pool."""
    kept: list[Sample] = []
    for sample in fresh:
        kept += mirrored(sample, repeats)
        while len(kept) > (POOL if rng.random() < 0.5 else POOL // 4):
            yield kept.pop(int(rng.integers(len(kept))))


def grouped(samples: Iterator[Sample], count: int) -> Iterator[list[Sample]]:
    """The samples in lists of so many, all of one size each; sizes differ where boxes do."""
    waiting: dict[tuple[int, ...], list[Sample]] = {}
    for sample in samples:
        alike = waiting.setdefault(sample.network_input.shape, [])
        alike.append(sample)
        if len(alike) == count:
            yield waiting.pop(sample.network_input.shape)


def mirrored(sample: Sample, times: int) -> list[Sample]:
    """The sample so many times, every second time mirrored left-right; points cannot be."""
    if times == 1:
        return [sample]
    flipped = Sample(sample.network_input[:, :, ::-1], sample.target[:, :, ::-1])
    return [flipped if i % 2 else sample for i in range(times)]


def stacked(parts: Sequence[Sample]) -> Batch:
    """Samples as a batch."""
    counts = [sample.counts for sample in parts if sample.counts is not None]
    return Batch(
        np.stack([sample.network_input for sample in parts]),
        np.stack([sample.target for sample in parts]),
        np.stack(counts) if counts else None,
    )
