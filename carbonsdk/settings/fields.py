"""Every setting: its name, type, default, range and meaning. The one place that documents them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from carbonsdk.model import Basis
from carbonsdk.secret import Secret

PLUGIN_GROUPS = ("backends", "intensity", "sinks", "locators")
_LONGEST_S = 1_000_000  # twelve days; Windows can wait for 49


def about(
    text: str,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    call_only: bool = False,
) -> dict[str, Any]:
    """Describe a setting: what it means, the range of its numbers, and whether it makes sense in a call alone."""
    return {"help": text, "at_least": at_least, "above": above, "at_most": at_most, "call_only": call_only}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a tracker is to work, each value from the call, the environment, a file, or its default."""

    epochs: int | None = field(
        default=None, metadata=about("Number of epochs of the whole training; needed for a forecast.", at_least=0)
    )
    epochs_before_pred: int = field(
        default=1, metadata=about("Epochs to see before the forecast; -1 is all of them, 0 is no forecast.", at_least=-1)
    )
    monitor_epochs: int = field(
        default=-1, metadata=about("Epochs to measure before measuring ends; -1 is all of them.", at_least=-1)
    )
    update_interval: float = field(
        default=1.0, metadata=about("Seconds between two readings of a device.", above=0, at_most=_LONGEST_S)
    )
    interpretable: bool = field(default=True, metadata=about("Show CO2eq as kilometres by car and the like, too."))
    stop_and_confirm: bool = field(default=False, metadata=about("Ask on the terminal, after the forecast, whether to go on."))
    ignore_errors: bool | None = field(
        default=None,
        metadata=about(
            "What a measurement fault does: unset degrades the figures, true ends measuring, false raises at the next edge."
        ),
    )
    components: str = field(default="all", metadata=about('What to measure: "all", "gpu", "cpu" (with memory) or "gpu,cpu".'))
    devices_by_pid: bool = field(default=False, metadata=about("Measure only devices that run this process or its children."))
    log_dir: Path | None = field(
        default=None, metadata=about("Directory for log files in carbontracker's format; unset writes none.")
    )
    log_file_prefix: str = field(default="", metadata=about("Text that the log files' names begin with."))
    verbose: int = field(
        default=1, metadata=about("How much is printed: 0 nothing, 1 results, 2 and more details.", at_least=0)
    )
    decimal_precision: int = field(default=12, metadata=about("Decimals of printed figures.", at_least=0, at_most=100))
    api_keys: Mapping[str, Secret] = field(
        default_factory=dict, metadata=about("Keys of intensity services, by the service's name.")
    )
    sim_cpu: str | None = field(default=None, metadata=about("Name of a CPU to pretend to have; needs sim_cpu_tdp."))
    sim_cpu_tdp: float | None = field(
        default=None, metadata=about("Watts that the pretended CPU draws at full load.", at_least=0)
    )
    sim_cpu_util: float = field(default=0.5, metadata=about("Load of the pretended CPU, from 0 to 1.", at_least=0, at_most=1))
    sim_gpu: str | None = field(default=None, metadata=about("Name of a GPU to pretend to have; needs sim_gpu_watts."))
    sim_gpu_watts: float | None = field(
        default=None, metadata=about("Watts that the pretended GPU draws at full load.", at_least=0)
    )
    sim_gpu_util: float = field(default=0.5, metadata=about("Load of the pretended GPU, from 0 to 1.", at_least=0, at_most=1))
    name: str | None = field(default=None, metadata=about("Name of the run, for people."))
    run_id: str | None = field(default=None, metadata=about("Identity of the run; the same one again continues it."))
    zone: str | None = field(
        default=None,
        metadata=about(
            "Where the machine stands: an Electricity Maps key (DE, DK-DK1), a cloud's region (aws/eu-west-1), or 55.68,12.57."
        ),
    )
    intensity: float | Mapping[Any, Any] | Path | None = field(
        default=None,
        metadata=about(
            "Your own carbon intensity in gCO2eq/kWh: a number, a table of hour to number, or a CSV file of times and numbers.",
            at_least=0,
        ),
    )
    basis: Basis | None = field(
        default=None,
        metadata=about(
            "What an intensity is to count: the plant's whole lifecycle, or direct emissions; unset prefers lifecycle."
        ),
    )
    fetchers: tuple[str, ...] | None = field(
        default=None, metadata=about("Sources of carbon intensity to ask, best first; unset chooses by zone.")
    )
    locate: str | None = field(
        default=None, metadata=about('A way to find the zone that is used only on request, such as "ip".')
    )
    offline: bool = field(default=False, metadata=about("Open no socket."))
    pue: float | str = field(
        default=1.0,
        metadata=about("The facility's energy over the devices' (at least 1), or the name of a known provider.", at_least=1),
    )
    backends: tuple[str, ...] | None = field(
        default=None,
        metadata=about('Hardware backends to measure with, "auto" among them for the best that answer; unset is "auto".'),
    )
    sinks: tuple[str, ...] = field(
        default=(),
        metadata=about("Places that results go to, besides console and record; csv=epochs.csv tells the file as well."),
    )
    edge_reads: Literal["auto", "always", "never"] = field(
        default="auto",
        metadata=about("Whether devices are read at each edge of an epoch; auto spares those that are dear to read."),
    )
    sync: Callable[[], object] | None = field(
        default=None,
        metadata=about("A callable that waits for the GPU (torch.cuda.synchronize), called before each edge.", call_only=True),
    )
    scope: Literal["machine", "process"] = field(
        default="machine",
        metadata=about("Whose energy is counted: the machine's, or the share of this process and its children."),
    )
    share_policy: Literal["active", "including_idle"] = field(
        default="including_idle",
        metadata=about(
            "How scope=process divides a device's energy: all of it, or what exceeds the idle power by `carbonsdk baseline`."
        ),
    )
    overhead_watts: float = field(
        default=0.0, metadata=about("Power that the machine draws at all times besides what sensors see.", at_least=0)
    )
    overhead_factor: float = field(
        default=0.0, metadata=about("Power that it draws besides, for each watt that sensors see (0.1 is 10 %).", at_least=0)
    )
    overhead_bias: float = field(
        default=1.0, metadata=about("How far off that overhead may be, as a share of it (95 % interval).", at_least=0)
    )
    state_dir: Path | None = field(
        default=None, metadata=about("Directory of the runs' records; unset is the user's state directory.")
    )
    settle_s: float = field(
        default=0.1,
        metadata=about(
            "Seconds that stopping waits for settled intensities; under 0.2, runs of less than half a second ask no service.",
            at_least=0,
            at_most=_LONGEST_S,
        ),
    )
    budget: Any = field(default=None, metadata=about("The most that the run may use.", call_only=True))
    on_budget: Literal["warn", "raise"] | Callable[..., object] = field(
        default="warn",
        metadata=about(
            "What happens when the budget is spent: a warning, an exception at the next edge, or a call.", call_only=True
        ),
    )
    disable_plugins: tuple[str, ...] = field(
        default=(), metadata=about("Plugins that are not loaded, by the name of their entry point.")
    )
    options: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(
        default_factory=lambda: {group: {} for group in PLUGIN_GROUPS},
        repr=False,
        metadata=about("Plugins' own settings, by group (backends, intensity, sinks, locators), plugin and key."),
    )
