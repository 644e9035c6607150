"""carbontracker's constructor: by keyword, by position, and what is wrong with arguments."""

import inspect

import pytest

import carbonsdk as ct
from carbonsdk.errors import SettingsError

# The parameters of carbontracker 2.4.7's constructor, in its order.
PARAMETERS = [
    *("epochs", "epochs_before_pred", "monitor_epochs", "update_interval", "interpretable", "stop_and_confirm"),
    *(
        "ignore_errors",
        "components",
        "devices_by_pid",
        "log_dir",
        "log_file_prefix",
        "verbose",
        "decimal_precision",
        "api_keys",
    ),
    *("sim_cpu", "sim_cpu_tdp", "sim_cpu_util", "sim_gpu", "sim_gpu_watts", "sim_gpu_util"),
]


def test_the_parameters_are_carbontracker_s_in_its_order():
    assert list(inspect.signature(ct.CarbonTracker).parameters)[: len(PARAMETERS)] == PARAMETERS


def test_everything_may_be_given_by_position(tmp_path):
    tracker = ct.CarbonTracker(
        *(3, 2, 3, 0.5, False, False, None, "gpu,cpu", False, tmp_path, "mine", 0, 6, None),
        *("Xeon", 100, 0.2, "A100", 400, None),
        offline=True,
        zone="DK",
        state_dir=tmp_path,
    )
    tracker.stop()
    settings = tracker.settings
    assert [getattr(settings, name) for name in PARAMETERS[:14]] == [
        *(3, 2, 3, 0.5, False, False, None, "gpu,cpu", False, tmp_path, "mine", 0, 6, {})
    ]
    assert [getattr(settings, name) for name in PARAMETERS[14:]] == ["Xeon", 100.0, 0.2, "A100", 400.0, 0.5]


def test_the_defaults_are_carbontracker_s_but_for_errors_and_the_defaults_of_simulation(tracker):
    settings = tracker(10, verbose=0).settings
    assert (settings.epochs_before_pred, settings.monitor_epochs, settings.update_interval) == (1, -1, 1.0)
    assert (settings.interpretable, settings.stop_and_confirm, settings.devices_by_pid) == (True, False, False)
    assert (settings.components, settings.log_dir, settings.log_file_prefix) == ("all", None, "")
    assert settings.decimal_precision == 12
    assert settings.ignore_errors is None


@pytest.mark.parametrize(
    "monitoring",
    [
        {"monitor_epochs": 0},
        {"monitor_epochs": 0, "epochs_before_pred": 0},
        {"monitor_epochs": 1, "epochs_before_pred": 2},
        {"monitor_epochs": -2},
    ],
)
def test_monitor_epochs_is_minus_one_or_at_least_epochs_before_pred_and_never_zero(tracker, monitoring):
    with pytest.raises(ValueError, match="monitor_epochs"):
        tracker(3, **monitoring)


@pytest.mark.parametrize("monitor_epochs", [-1, 2, 3])
def test_monitor_epochs_that_carbontracker_takes_are_taken(tracker, monitor_epochs):
    tracker(3, epochs_before_pred=2, monitor_epochs=monitor_epochs, verbose=0)


@pytest.mark.parametrize("simulated", [{"sim_cpu": "X", "sim_cpu_tdp": None}, {"sim_gpu": "X", "sim_gpu_watts": None}])
def test_a_simulated_component_needs_its_watts(tracker, simulated):
    with pytest.raises(ValueError, match="sim_"):
        tracker(3, **simulated)


def test_a_simulated_component_draws_its_watts_times_its_load(tracker, train):
    made = tracker(20, sim_cpu_util=0.3, sim_gpu_util=1, verbose=0)
    assert made.await_devices(30)
    report = train(made, 20).report()
    watts = {each.kind: each.energy.joules / each.energy.coverage / report.duration_s for each in report.devices}
    assert watts == {"cpu": pytest.approx(30.0, rel=0.1), "gpu": pytest.approx(400.0, rel=0.1)}


@pytest.mark.parametrize(
    ("components", "kinds"),
    [
        ("all", {"cpu", "gpu", "memory"}),
        ("gpu,cpu", {"cpu", "gpu", "memory"}),
        ("GPU, CPU", {"cpu", "gpu", "memory"}),
        ("gpu", {"gpu"}),
        ("cpu", {"cpu", "memory"}),
    ],
)
def test_components_choose_what_is_measured_and_cpu_holds_the_memory(tracker, train, components, kinds):
    replay = {"backends": {"replay": {"watts": {"cpu": 60, "memory": 5, "gpu": 240}}}, "sim_cpu": None, "sim_gpu": None}
    report = train(tracker(1, components=components, verbose=0, **replay), 1).report()
    assert {each.kind for each in report.devices} == kinds


def test_an_unknown_component_is_an_error(tracker):
    with pytest.raises(SettingsError, match="tpu"):
        tracker(3, components="tpu")


@pytest.mark.parametrize("verbose", [True, False, 3])
def test_verbose_is_taken_as_people_give_it(tracker, verbose):
    assert tracker(1, verbose=verbose).settings.verbose == int(verbose)
