"""The forecast of a whole run from the epochs so far: a pure function over the record, with no clock and no state.

It is never computed at an epoch's edge; 1,000 epochs take a few milliseconds.
"""

from carbonsdk.engine.prediction.laps import History, Lap
from carbonsdk.engine.prediction.whole import IntensityAhead, forecast

__all__ = ["History", "IntensityAhead", "Lap", "forecast"]
