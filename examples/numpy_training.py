"""Train a two-layer network in numpy, and see what the training, the validation and the rest of it use.

    python examples/numpy_training.py [--epochs 12]

Needs numpy alone. The data is made up: points of three intertwined spirals.
"""

import argparse

import numpy as np

import carbonsdk as ct

POINTS, ARMS, HIDDEN, BATCH, RATE = 20_000, 3, 256, 100, 0.3


def spirals(random):
    """Return points in the plane and the arm that each belongs to."""
    arm = random.integers(ARMS, size=POINTS)
    radius = random.uniform(0.1, 1.0, size=POINTS)
    angle = 4 * radius + 2 * np.pi * arm / ARMS + random.normal(scale=0.15, size=POINTS)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), arm


class Network:
    """Two layers, tanh between them, trained by plain gradient descent."""

    def __init__(self, random):
        self.first = random.normal(scale=1.0, size=(2, HIDDEN))
        self.second = random.normal(scale=0.1, size=(HIDDEN, ARMS))

    def forward(self, points):
        hidden = np.tanh(points @ self.first)
        scores = hidden @ self.second
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, weights / weights.sum(axis=1, keepdims=True)

    def learn(self, points, arm):
        hidden, share = self.forward(points)
        error = (share - np.eye(ARMS)[arm]) / len(points)
        back = error @ self.second.T * (1 - hidden**2)
        self.second -= RATE * hidden.T @ error
        self.first -= RATE * points.T @ back


def main():
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--epochs", type=int, default=12)
    epochs = arguments.parse_args().epochs

    random = np.random.default_rng(0)
    points, arm = spirals(random)
    seen, unseen = slice(0, POINTS * 4 // 5), slice(POINTS * 4 // 5, None)
    network = Network(random)

    with ct.CarbonTracker(epochs=epochs, name="numpy example", verbose=0) as tracker:
        for number in tracker.epochs():
            with tracker.span("train"):
                order = random.permutation(POINTS * 4 // 5)
                for start in range(0, len(order), BATCH):
                    batch = order[start : start + BATCH]
                    network.learn(points[seen][batch], arm[seen][batch])
            with tracker.span("validate"):
                _, share = network.forward(points[unseen])
                accuracy = (share.argmax(axis=1) == arm[unseen]).mean()
            print(f"epoch {number + 1:>2}: {accuracy:.1%} of the unseen points are right")

    report = tracker.report()
    energy = report.energy
    print(f"{energy.joules:.2f} J ± {energy.uncertainty_joules:.2g} ({energy.quality}) in {report.duration_s:.2f} s")
    print(f"{report.co2eq_grams * 1000:.2f} mg CO2eq at {report.intensity.grams_per_kwh:g} g/kWh: {report.intensity.source}")
    for name in ("train", "validate"):
        joules = sum(span.energy.joules for epoch in report.epochs for span in epoch.spans if span.name == name)
        print(f"  {name:<9}{joules:.3f} J")


if __name__ == "__main__":
    main()
