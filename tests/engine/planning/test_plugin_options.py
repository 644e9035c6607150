"""Plugins' options are checked when a tracker is made: what is written wrong shows then, not when results are missing."""

from pathlib import Path

import pytest

import carbonsdk as ct
from carbonsdk.engine.planning.plugin_options import fitted
from carbonsdk.errors import SettingsError
from carbonsdk.host import PluginHost
from carbonsdk.settings import resolve


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Make trackers in an empty directory, and stop them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARBONSDK_STATE_DIR", str(tmp_path / "state"))
    trackers = []

    def make(**settings):
        trackers.append(
            ct.CarbonTracker(**{"verbose": 0, "offline": True, "backends": {"replay": {"watts": {"cpu": 60}}}} | settings)
        )
        return trackers[-1]

    yield make
    for tracker in trackers:
        tracker.stop()


def test_an_option_that_a_sink_in_a_call_does_not_have_is_an_error(made):
    with pytest.raises(SettingsError, match=r"sinks\.csv has no option 'pth': did you mean 'path'\?"):
        made(sinks={"csv": {"pth": "epochs.csv"}})


def test_a_value_that_does_not_fit_a_named_sink_is_an_error(made):
    with pytest.raises(SettingsError, match=r"sinks\.csv\.path must be a path or nothing, not 5"):
        made(sinks={"csv": {"path": 5}})


def test_a_value_that_does_not_fit_the_console_is_an_error_and_not_silence(made, tmp_path):
    (tmp_path / "carbonsdk.toml").write_text('[sinks.console]\nstyle = "line"\n')
    with pytest.raises(SettingsError, match=r"sinks\.console\.style must be one of 'lines', 'carbontracker', not 'line'"):
        made()


@pytest.mark.parametrize("sink", ["csv", "jsonl", "emissions_csv", "model_card"])
def test_a_sink_that_needs_a_file_and_has_none_is_an_error_that_says_so(made, sink):
    with pytest.raises(SettingsError, match=f"the sink '{sink}' needs a file: set its `path`"):
        made(sinks=[sink])


def test_an_option_in_a_file_that_its_backend_does_not_have_is_an_error_with_its_line(made, tmp_path):
    (tmp_path / "carbonsdk.toml").write_text('[backends.rapl]\nrot = "/x"\n')
    with pytest.raises(SettingsError, match=r"carbonsdk\.toml:2: backends\.rapl has no option 'rot': did you mean 'root'\?"):
        made()


def test_a_value_in_a_file_that_does_not_fit_its_backend_is_an_error_with_its_line(made, tmp_path):
    # The backend is not named: without the error another would be taken, or none.
    (tmp_path / "carbonsdk.toml").write_text('[backends.cpu_load]\ncpu_tdp_watts = "many"\n')
    told = r"carbonsdk\.toml:2: backends\.cpu_load\.cpu_tdp_watts must be a number or nothing, not 'many'"
    with pytest.raises(SettingsError, match=told):
        made()


def test_a_variable_that_does_not_fit_its_backend_is_an_error_with_its_name(made, monkeypatch):
    monkeypatch.setenv("CARBONSDK_BACKENDS__CPU_LOAD__CPU_TDP_WATTS", "many")
    with pytest.raises(
        SettingsError, match=r"^variable CARBONSDK_BACKENDS__CPU_LOAD__CPU_TDP_WATTS: backends\.cpu_load\.cpu_t"
    ):
        made()


def test_a_secret_that_a_file_refers_to_is_not_missed_before_it_is_needed(made, tmp_path):
    (tmp_path / "carbonsdk.toml").write_text('[intensity.electricitymaps]\ntoken = { env = "NO_SUCH_TOKEN" }\n')
    assert made().stop().state == "finished"


def test_options_of_a_plugin_that_is_not_here_are_a_warning_with_the_nearest_one(made, tmp_path):
    (tmp_path / "carbonsdk.toml").write_text('[backends.rpl]\nroot = "/x"\n')
    assert "backends.rpl is ignored: no backend is called 'rpl'; did you mean 'rapl'?" in made().stop().warnings


def test_options_of_a_plugin_that_was_switched_off_are_no_trouble(made, tmp_path):
    (tmp_path / "carbonsdk.toml").write_text('[backends.rapl]\nroot = "/x"\n')
    assert not any("rapl" in each for each in made(disable_plugins="rapl").stop().warnings)


def test_a_variable_for_an_option_that_a_backend_does_not_have_is_a_warning_and_the_backend_measures(made, monkeypatch):
    monkeypatch.setenv("CARBONSDK_BACKENDS__REPLAY__WATS", "5")
    report = made().stop()
    assert (
        "unknown variable CARBONSDK_BACKENDS__REPLAY__WATS is ignored: "
        "backends.replay has no option 'wats': did you mean 'watts'?" in report.warnings
    )
    assert report.selection[0].chosen


def test_a_file_for_a_sink_that_takes_none_is_an_error(made, monkeypatch):
    monkeypatch.setenv("CARBONSDK_SINKS", "memory=x")
    with pytest.raises(SettingsError, match=r"variable CARBONSDK_SINKS: sinks\.memory has no option 'path'"):
        made()


def test_a_dash_in_a_file_is_standard_output_and_no_file_of_that_name(made, tmp_path, capsys):
    (tmp_path / "carbonsdk.toml").write_text('[sinks]\nuse = ["jsonl"]\n[sinks.jsonl]\npath = "-"\n')
    made().stop()
    assert '{"schema":1,' in capsys.readouterr().out
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(
    ("given", "meant"), [("a.csv", "{}/a.csv"), (Path("a.csv"), "{}/a.csv"), ("/b.csv", "/b.csv"), ("-", "-")]
)
def test_a_relative_path_is_meant_as_it_is_when_the_tracker_is_made(tmp_path, monkeypatch, given, meant):
    # The sink itself is made a little later, in a thread, when the program may have gone elsewhere.
    monkeypatch.chdir(tmp_path)
    settings = fitted(resolve({"sinks": {"csv": {"path": given}}}), PluginHost.discover()).settings
    assert settings.options["sinks"]["csv"]["path"] == Path(meant.format(tmp_path))
