"""The demo's model learns, and its gradients are those of its loss."""

import numpy as np
import pytest

from carbonsdk.demo.corpus import SYMBOLS, encode
from carbonsdk.demo.model import CharacterModel, Shape

SMALL = Shape(context=4, embedding=3, hidden=8)


def batch(seed=1, count=64):
    random = np.random.default_rng(seed)
    return (
        random.integers(0, SYMBOLS, (count, SMALL.context)).astype(np.uint8),
        random.integers(0, SYMBOLS, count).astype(np.uint8),
    )


def test_an_untrained_model_knows_about_as_much_as_a_guess():
    # 97 symbols, each as likely as the other, hold log2(97) = 6.6 bits.
    assert CharacterModel(SMALL).loss(*batch()) == pytest.approx(6.6, abs=0.3)


@pytest.mark.parametrize("name", ["embedding", "hidden", "hidden_bias", "output", "output_bias"])
def test_the_gradient_is_the_slope_of_the_loss(name):
    contexts, targets = batch()
    taken = {}
    model = CharacterModel(SMALL)
    model._weights = {key: weight.astype(np.float64) for key, weight in model._weights.items()}
    model._descend = lambda gradients, rate: taken.update(gradients)
    model.learn(contexts, targets, rate=0)
    at = np.unravel_index(np.argmax(np.abs(taken[name])), taken[name].shape)
    losses = []
    for step in (1e-4, -1e-4):
        model._weights[name][at] += step
        losses.append(model.loss(contexts, targets))
        model._weights[name][at] -= step
    slope_bits = (losses[0] - losses[1]) / 2e-4
    assert taken[name][at] / np.log(2) == pytest.approx(slope_bits, rel=1e-3)


def test_a_text_that_repeats_is_learnt():
    symbols = encode("abcd" * 200)
    windows = np.lib.stride_tricks.sliding_window_view(symbols, 5)
    model = CharacterModel(SMALL)
    losses = [model.learn(windows[:, :-1], windows[:, -1], rate=1e-2) for _ in range(100)]
    assert losses[-1] < 0.1 < losses[0]


def test_the_same_seed_learns_the_same():
    losses = []
    for _ in range(2):
        model = CharacterModel(SMALL, seed=3)
        losses.append([model.learn(*batch(seed), rate=1e-2) for seed in range(3)])
    assert losses[0] == losses[1]
