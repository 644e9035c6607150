"""The forecast of a whole run from the epochs so far: a pure function over the record, with no clock and no state.

It is never computed at an epoch's edge; 1,000 epochs take a few milliseconds. What computes it (`whole`) is imported when the
first is wanted: a run's start is not to wait for it.
"""
