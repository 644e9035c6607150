"""The demo's training loop: what a person would write, with the tracker around it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbonsdk.demo.corpus import Corpus
from carbonsdk.demo.model import CharacterModel, Shape, Symbols

if TYPE_CHECKING:
    from carbonsdk.tracker import CarbonTracker


@dataclass(frozen=True, slots=True)
class Plan:
    """How long an epoch is, and how fast the model learns."""

    batches: int = 280
    batch: int = 512
    judged: int = 8192
    rate: float = 3e-3
    decay: float = 0.85


@dataclass(frozen=True, slots=True)
class Outcome:
    """The losses of one epoch, in bits a character."""

    number: int
    training_bits: float
    validation_bits: float


def train(tracker: "CarbonTracker", corpus: Corpus, *, plan: Plan | None = None, seed: int = 0) -> Iterator[Outcome]:
    """Train a model for the tracker's epochs; yield the outcome of each inside it."""
    plan = plan or Plan()
    model = CharacterModel(Shape(), seed=seed)
    random = np.random.default_rng(seed)
    judged = _windows(corpus.validation, np.random.default_rng(seed), plan.judged, model.shape.context)
    for number in tracker.epochs():
        rate = plan.rate * plan.decay**number
        losses = [
            model.learn(*_windows(corpus.training, random, plan.batch, model.shape.context), rate=rate)
            for _ in range(plan.batches)
        ]
        with tracker.span("validation"):
            validation = model.loss(*judged)
        yield Outcome(number, float(np.mean(losses)), validation)


def _windows(symbols: Symbols, random: np.random.Generator, count: int, context: int) -> tuple[Symbols, Symbols]:
    """Return `count` contexts and the character that follows each, at random places."""
    starts = random.integers(0, len(symbols) - context, count)
    windows = symbols[starts[:, None] + np.arange(context + 1)]
    return windows[:, :-1], windows[:, -1]
