"""Samples made ahead of the network by worker processes, which load no network library."""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import SimpleITK as sitk

from versectl.config import StageConfig
from versectl.synth.subject import Subject
from versectl.training import published_samples, samples
from versectl.training.samples import Sample

#: chosen: samples waiting per worker; enough to bridge a slow one.
AHEAD = 4

#: chosen: samples that are shuffled together.
POOL = 48


#: Protocol and stage -> how its samples are drawn.
DRAW = {
    ("default", "spine"): samples.of_spine,
    ("default", "vertebrae"): samples.of_vertebrae,
    ("default", "segmentation"): samples.of_segmentation,
    ("published", "spine"): published_samples.of_spine,
    ("published", "vertebrae"): published_samples.of_vertebrae,
    ("published", "segmentation"): published_samples.of_segmentation,
}


def made(
    config: StageConfig,
    subjects: Callable[[], list[Subject]],
    workers: int,
    numbers: tuple[int, int],
) -> Iterator[Sample]:
    """Samples without end; each depends on the seed and its number alone.

    subjects : makes the subjects, once in every worker; must be picklable.
    numbers : seed, and number of the first sample.
    """
    seed, first = numbers
    for library in ("OMP", "OPENBLAS"):  # one thread a worker: the cores are the network's
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    job = (config, subjects, seed)
    waiting: deque[Future[Sample]] = deque()
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker, job) as pool:
        try:
            for number in itertools.count(first):
                waiting.append(pool.submit(_make, number))
                if len(waiting) > AHEAD * workers:
                    yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def replayed(fresh: Iterator[Sample], repeats: int, rng: np.random.Generator) -> Iterator[Sample]:
    """Each sample so many times, every second time mirrored, shuffled within a pool."""
    kept: list[Sample] = []
    for sample in fresh:
        kept += mirrored(sample, repeats)
        while len(kept) > (POOL if rng.random() < 0.5 else POOL // 4):
            yield kept.pop(int(rng.integers(len(kept))))


def mirrored(sample: Sample, times: int) -> list[Sample]:
    """The sample so many times, every second time left-right mirrored; points cannot be."""
    if times == 1:
        return [sample]
    flipped = Sample(sample.seen[:, :, ::-1], sample.wanted[:, :, ::-1])
    return [flipped if i % 2 else sample for i in range(times)]


_JOB: list[tuple[StageConfig, list[Subject], np.ndarray, int]] = []


def _begin_worker(config: StageConfig, subjects: Callable[[], list[Subject]], seed: int) -> None:
    os.nice(2)  # the network goes first
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    everybody = subjects()
    weights = np.array([subject.weight for subject in everybody])
    _JOB.append((config, everybody, weights / weights.sum(), seed))


def draw(subject: Subject, config: StageConfig, rng: np.random.Generator) -> Sample:
    """A random sample for a stage; as published where the configuration asks for it."""
    if subject.is_smooth:
        config = replace(config, smoothing_mm=0.0)
    return DRAW[config.protocol, config.stage](subject, config, rng)


def _make(number: int) -> Sample:
    ((config, everybody, chances, seed),) = _JOB
    rng = np.random.default_rng([seed, number])
    subject = everybody[rng.choice(len(everybody), p=chances)]
    return draw(subject, config, rng)
