"""`carbonsdk demo`: train a small model for real, and measure it."""

import os
from typing import Any

import click

from carbonsdk.cli.options import given, setting_options

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@click.command("demo", short_help="Train a small model on this machine, and measure it.")
@click.option("--epochs", type=click.IntRange(min=1), default=12, show_default=True, help="Number of epochs to train.")
@setting_options("zone", "intensity", "backends", "sinks", "pue", "state_dir", "offline")
def command(epochs: int, **settings: Any) -> None:
    """Train a small character language model on Python's own source text, and measure it.

    Everything is real: the text is the standard library on this machine, the training is numpy's, and the energy comes from
    this machine's sensors, or from an estimate that says so.
    """
    for name in _THREADS:
        # Matrices this small are multiplied faster by one thread than by several; numpy reads this when it is imported.
        os.environ.setdefault(name, "1")
    from carbonsdk.demo import corpus, training
    from carbonsdk.tracker import CarbonTracker

    text = corpus.read()
    size = len(text.training) + len(text.validation)
    click.echo(f"A character model learns {size:,} characters of Python's standard library ({text.files} files).")
    # A line an epoch goes well with a line of losses.
    console = {"sinks": {"console": {"style": "lines"}}}
    with CarbonTracker(epochs=epochs, name="demo", options=console, **given(settings)) as tracker:
        for outcome in training.train(tracker, text):
            click.echo(
                f"epoch {outcome.number}: "
                f"loss {outcome.training_bits:.3f} bits a character, {outcome.validation_bits:.3f} on text not seen"
            )
