"""Read the log files of carbontracker 1.2 and later, and of carbonsdk's own sink `carbontracker_log`.

::

    from carbonsdk import carbontracker_logs

    runs = carbontracker_logs.read_directory("logs")
    print(carbontracker_logs.total(runs).sentence)
"""

from carbonsdk.carbontracker_logs.reading import read_directory, read_run
from carbonsdk.carbontracker_logs.records import as_records
from carbonsdk.carbontracker_logs.totals import Total, total
from carbonsdk.carbontracker_logs.values import LoggedEpoch, LoggedRun, LoggedUse

__all__ = ["LoggedEpoch", "LoggedRun", "LoggedUse", "Total", "as_records", "read_directory", "read_run", "total"]
