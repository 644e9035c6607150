"""Every exception that carbonsdk raises or that its plugins raise towards it.

::

    CarbonSDKError
    ├── SettingsError (ValueError)        a wrong argument, variable or file key
    ├── PluginError                       a plugin cannot be loaded or configured
    ├── BackendError
    │   ├── BackendUnavailable            open() found nothing to measure
    │   │   ├── SensorAbsent              no such hardware or driver here
    │   │   ├── SensorMasked              hidden from this container
    │   │   └── PermissionDenied          there, but not readable by this user
    │   └── ReadFailed
    │       ├── RetryLater                this reading failed, the next may not
    │       ├── DeviceLost                one device is gone, it may come back
    │       └── GiveUp                    the backend as a whole is done for
    ├── IntensityError
    │   ├── ZoneUnknown                   the service does not serve this zone
    │   └── ServiceError                  the service did not give a usable answer
    │       ├── Unauthorized              no token, or a refused one
    │       ├── RateLimited               asked too often (carries `retry_after_s`)
    │       ├── ServiceUnavailable        no connection, a deadline passed, or a 5xx
    │       ├── BadAnswer                 an answer that is not what was asked for
    │       └── Offline                   `offline=True`: no socket is opened
    ├── JournalError                      a record cannot be read or written
    ├── MeasurementFault                  raised at an edge with `ignore_errors=False`
    ├── BudgetExceeded                    raised at an edge with `on_budget="raise"`
    └── RunDeclined                       the person answered "n" to `stop_and_confirm`
"""


class CarbonSDKError(Exception):
    """Anything that carbonsdk raises on purpose."""


class SettingsError(CarbonSDKError, ValueError):
    """A setting is unknown, ill-typed or contradicts another."""


class PluginError(CarbonSDKError):
    """A plugin cannot be found, loaded, configured or opened."""


class BackendError(CarbonSDKError):
    """A hardware backend cannot do what was asked."""


class BackendUnavailable(BackendError):
    """This backend has nothing to measure on this machine."""


class SensorAbsent(BackendUnavailable):
    """The hardware or its driver is not on this machine."""


class SensorMasked(BackendUnavailable):
    """The sensor exists but this container hides it."""


class PermissionDenied(BackendUnavailable):
    """The sensor exists but this user may not read it."""


class ReadFailed(BackendError):
    """A device gave no reading."""


class RetryLater(ReadFailed):
    """This reading failed; the next may succeed."""


class DeviceLost(ReadFailed):
    """The device is gone; it may come back."""


class GiveUp(ReadFailed):
    """The whole backend has failed for good."""


class IntensityError(CarbonSDKError):
    """No carbon intensity could be had."""


class ZoneUnknown(IntensityError):
    """The source knows nothing of this zone."""


class ServiceError(IntensityError):
    """A service gave no usable answer."""


class Unauthorized(ServiceError):
    """The service wants a token, or refuses the one it was given."""


class RateLimited(ServiceError):
    """The service was asked too often; ask again after `retry_after_s` seconds, where it said so."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServiceUnavailable(ServiceError):
    """The service cannot be reached, is too slow, or fails."""


class BadAnswer(ServiceError):
    """The service answered something other than what was asked for."""


class Offline(ServiceError):
    """The network is switched off by `offline=True`."""


class JournalError(CarbonSDKError):
    """A record of a run cannot be read or written."""


class MeasurementFault(CarbonSDKError):
    """Measuring failed and the user asked to hear of it (`ignore_errors=False`)."""


class BudgetExceeded(CarbonSDKError):
    """The run has used more than its budget."""


class RunDeclined(CarbonSDKError):
    """The person at the terminal chose not to go on."""
