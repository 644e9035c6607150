"""Sink `model_card`: the `co2_eq_emissions` block of a Hugging Face model card."""

from dataclasses import dataclass
from pathlib import Path

from carbonsdk.plugin import Context, Registration, SettingsError, Sink, hookimpl


@dataclass(frozen=True, slots=True)
class ModelCardSettings:
    """`path` is a model card (`README.md`) or a YAML file; it must be given. The rest goes into the block as it stands.

    `geographical_location` is the zone, and `hardware_used` the devices, unless given.
    """

    path: Path | None = None
    training_type: str | None = None
    geographical_location: str | None = None
    hardware_used: str | None = None

    def __post_init__(self) -> None:
        if self.path is None:
            raise SettingsError("the sink 'model_card' needs a file: set its `path`, or name it as model_card=README.md")


def _make(context: Context) -> Sink:
    from carbonsdk.sinks._model_card import ModelCard

    return ModelCard(context.settings, log=context.log)


@hookimpl
def carbonsdk_sinks() -> list[Registration[Sink]]:
    """Register the sink."""
    return [
        Registration(
            name="model_card",
            factory=_make,
            settings=ModelCardSettings,
            automatic=False,
            summary="the co2_eq_emissions block of a model card",
        )
    ]
