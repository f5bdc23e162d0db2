"""The steps of a case as they begin, the time each takes, and the models that tell of theirs."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from time import perf_counter

from versectl.networks.engines import calling
from versectl.networks.split_inference import Fitting
from versectl.types import Engine, Model, Models, Stage

#: Steps of a case beside its stages.
READ, WAIT, LOAD, WRITE = "read", "wait", "load", "write"

#: Called with each step of a case as it begins.
OnStep = Callable[[str], None]


def ignored(_step: str) -> None:
    """Do nothing with a step."""


#: Something to hold for a while, a lock or nothing.
Held = AbstractContextManager[object]


@dataclass(frozen=True)
class Turns:
    """What cases that are in work at the same time take turns at.

    case : held while the stages of a case compute. network : held while a network answers.
    """

    case: Held = field(default_factory=nullcontext)
    network: Held = field(default_factory=nullcontext)


def turns(on_gpu: bool) -> Turns:
    """Turns for the cases of a process: at a CPU, which all of a case uses, or at a GPU."""
    return Turns(network=threading.Lock()) if on_gpu else Turns(case=threading.Lock())


class Steps:
    """Reports the steps of a case as they begin; seconds : what each took, waiting left out."""

    def __init__(self, on_step: OnStep = ignored) -> None:
        self._on_step = on_step
        self._current, self._since = WAIT, perf_counter()
        self.seconds: dict[str, float] = {}

    def begin(self, step: str) -> None:
        """One step ends, the next one begins."""
        self.end()
        self._current = step
        self._on_step(step)

    def end(self) -> None:
        """The present step ends."""
        now = perf_counter()
        if self._current != WAIT:
            self.seconds[self._current] = self.seconds.get(self._current, 0.0) + now - self._since
        self._current, self._since = WAIT, now


class WatchedModels:
    """Models whose loading and use are steps, and whose networks fit into the memory at hand.

    turn : held while a network answers.
    engines : what computed the stages so far. halvings : how often networks' inputs are halved from
    the beginning.
    """

    def __init__(self, models: Models, steps: Steps, turn: Held) -> None:
        self.halvings = 0
        self._turn = turn
        self._models, self._steps = models, steps
        self._fitting: dict[Stage, Fitting] = {}
        self.engines: dict[Stage, Engine] = {}

    def model(self, stage: Stage) -> Model:
        """The stage's model; from here on the stage is in work."""
        self._steps.begin(LOAD)
        model = self._models.model(stage)
        self._steps.begin(stage)
        answer = calling.in_turn(model.answer, self._turn)
        fitting = Fitting(answer, model.config.network.divisor, self.halvings)
        self._fitting[stage] = fitting
        if model.engine is not None:
            self.engines[stage] = model.engine
        return replace(model, answer=fitting)

    @property
    def parts(self) -> dict[Stage, int]:
        """In how many parts a network was run, where memory did not allow one."""
        return {stage: fit.parts for stage, fit in self._fitting.items() if fit.parts > 1}
