"""A character language model: embeddings of the last characters, one hidden layer, a softmax; gradients by hand, Adam.

The architecture is that of Bengio et al., "A Neural Probabilistic Language Model", JMLR 3 (2003), over characters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbonsdk.demo.corpus import SYMBOLS

Floats = NDArray[np.float32]
Symbols = NDArray[np.uint8]

_BETA_1, _BETA_2, _TINY = 0.9, 0.999, 1e-8  # Adam's own defaults (Kingma and Ba 2015)


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the model is."""

    context: int = 16
    embedding: int = 16
    hidden: int = 256


class CharacterModel:
    """Predicts a character from the `context` characters before it."""

    def __init__(self, shape: Shape, *, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        width = shape.context * shape.embedding
        self.shape = shape
        self._weights: dict[str, Floats] = {
            "embedding": random.normal(0, 0.3, (SYMBOLS, shape.embedding)).astype(np.float32),
            "hidden": random.normal(0, width**-0.5, (width, shape.hidden)).astype(np.float32),
            "hidden_bias": np.zeros(shape.hidden, np.float32),
            "output": random.normal(0, shape.hidden**-0.5, (shape.hidden, SYMBOLS)).astype(np.float32),
            "output_bias": np.zeros(SYMBOLS, np.float32),
        }
        self._mean = {name: np.zeros_like(weight) for name, weight in self._weights.items()}
        self._square = {name: np.zeros_like(weight) for name, weight in self._weights.items()}
        self._steps = 0

    def loss(self, contexts: Symbols, targets: Symbols) -> float:
        """Return the mean cross-entropy in bits a character."""
        _, _, probabilities = self._forward(contexts)
        return _bits(probabilities, targets)

    def learn(self, contexts: Symbols, targets: Symbols, *, rate: float) -> float:
        """Take one step of Adam on a batch; return its loss, before the step, in bits a character."""
        inputs, hidden, probabilities = self._forward(contexts)
        loss = _bits(probabilities, targets)
        error = probabilities
        error[np.arange(len(targets)), targets] -= 1
        error /= np.float32(len(targets))
        upstream = (error @ self._weights["output"].T) * (1 - hidden * hidden)
        inputs_gradient = (upstream @ self._weights["hidden"].T).reshape(-1, self.shape.embedding)
        gradients = {
            "embedding": _gathered(contexts.ravel(), inputs_gradient),
            "hidden": inputs.T @ upstream,
            "hidden_bias": upstream.sum(axis=0),
            "output": hidden.T @ error,
            "output_bias": error.sum(axis=0),
        }
        self._descend(gradients, rate)
        return loss

    def _forward(self, contexts: Symbols) -> tuple[Floats, Floats, Floats]:
        weights = self._weights
        inputs = weights["embedding"][contexts].reshape(len(contexts), -1)
        hidden = np.tanh(inputs @ weights["hidden"] + weights["hidden_bias"])
        scores = hidden @ weights["output"] + weights["output_bias"]
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return inputs, hidden, scores

    def _descend(self, gradients: dict[str, Floats], rate: float) -> None:
        self._steps += 1
        scale = np.float32(rate * (1 - _BETA_2**self._steps) ** 0.5 / (1 - _BETA_1**self._steps))
        for name, gradient in gradients.items():
            mean, square = self._mean[name], self._square[name]
            mean += np.float32(1 - _BETA_1) * (gradient - mean)
            square += np.float32(1 - _BETA_2) * (gradient * gradient - square)
            self._weights[name] -= scale * mean / (np.sqrt(square) + np.float32(_TINY))


def _bits(probabilities: Floats, targets: Symbols) -> float:
    chosen = probabilities[np.arange(len(targets)), targets]
    return float(-np.log2(np.maximum(chosen, np.float32(1e-12))).mean())


def _gathered(symbols: Symbols, gradients: Floats) -> Floats:
    """Sum the gradients of each symbol: a product with a one-hot matrix, which is far faster than `np.add.at`."""
    chosen = np.zeros((SYMBOLS, len(symbols)), np.float32)
    chosen[symbols, np.arange(len(symbols))] = 1
    return chosen @ gradients
