"""What every reader of devices is given."""

from typing import NamedTuple

from carbonsdk.clock import Clock
from carbonsdk.engine.ledger import Ledger
from carbonsdk.engine.notices import Notices


class Books(NamedTuple):
    """Where readings go, the clock that stamps them, and where troubles are told."""

    ledger: Ledger
    clock: Clock
    notices: Notices
