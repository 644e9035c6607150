"""The ledger: every device's cumulative joules against the monotonic clock, and the differences that people ask for."""

from carbonsdk.engine.ledger.ledger import Account, Ledger, Marks
from carbonsdk.engine.ledger.trace import Rise

__all__ = ["Account", "Ledger", "Marks", "Rise"]
