"""Compare what three classifiers of scikit-learn use for the accuracy that they reach.

    python examples/sklearn_training.py

Needs scikit-learn (`pip install scikit-learn`). Its own data set of handwritten digits needs no download. There is no loop to
measure here: each fit is an epoch with a name, made so by a decorator.
"""

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import carbonsdk as ct

MODELS = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)),
    "forest": RandomForestClassifier(n_estimators=200, random_state=0),
    "network": make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(64,), max_iter=300, random_state=0)),
}


def main():
    digits = load_digits()
    inputs, unseen_inputs, labels, unseen_labels = train_test_split(digits.data, digits.target, random_state=0)

    accuracy = {}
    with ct.CarbonTracker(name="scikit-learn example", verbose=0) as tracker:
        for name, model in MODELS.items():
            ct.track_epoch(name=name)(model.fit)(inputs, labels)
            accuracy[name] = model.score(unseen_inputs, unseen_labels)

    report = tracker.report()
    print(f"{'model':<9}{'energy':>12}{'time':>9}{'accuracy':>10}")
    for epoch in report.epochs:
        print(f"{epoch.name:<9}{epoch.energy.joules:>10.2f} J{epoch.duration_s:>7.2f} s{accuracy[epoch.name]:>10.1%}")
    print(f"the energy is {report.energy.quality}, ± {report.energy.uncertainty_joules / report.energy.joules:.0%}")


if __name__ == "__main__":
    main()
