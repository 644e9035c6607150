"""Apple Silicon, through macOS's powermetrics."""

from dataclasses import dataclass

from carbonsdk.plugin import Backend, Context, DeviceKind, Registration, SettingsError, hookimpl


@dataclass(frozen=True, slots=True)
class AppleSettings:
    """`interval_ms` is how often powermetrics sums up. It is part of the sudo rule, where one is in use."""

    interval_ms: int = 500

    def __post_init__(self) -> None:
        if not 10 <= self.interval_ms <= 60_000:
            raise SettingsError(f"apple: interval_ms is from 10 to 60000, not {self.interval_ms!r}")


def _apple(context: Context) -> Backend:
    from carbonsdk_apple.backend import AppleBackend

    return AppleBackend(context.settings, clock=context.clock, log=context.log)


@hookimpl
def carbonsdk_backends() -> list[Registration[Backend]]:
    """Register powermetrics: an estimate of Apple's, better than one from the load alone."""
    return [
        Registration(
            name="apple",
            factory=_apple,
            settings=AppleSettings,
            preference=60,
            kinds=frozenset({DeviceKind.CPU, DeviceKind.GPU, DeviceKind.MEMORY, DeviceKind.OTHER}),
            summary="Apple Silicon: CPU, GPU and Neural Engine as macOS's powermetrics estimates them",
        )
    ]
