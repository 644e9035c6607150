"""Settings come from the call, the environment, a file, or their defaults, and say so."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from carbonsdk.errors import SettingsError
from carbonsdk.model import Basis
from carbonsdk.options import configure
from carbonsdk.secret import Secret
from carbonsdk.settings import Settings, parsed, resolve


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "home" / "project"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def settle(project):
    """Resolve a call made in `project` with an environment of its own."""

    def resolved(call=None, **variables):
        return resolve(call or {}, environ={"HOME": str(project.parent), **variables}, directory=project)

    return resolved


def test_without_anything_every_setting_has_its_default(settle):
    resolved = settle()
    assert resolved.settings == Settings()
    assert resolved.sources == {}
    assert resolved.warnings == ()


def test_the_call_wins_over_the_environment_and_the_environment_over_the_file(settle, project):
    (project / "carbonsdk.toml").write_text('zone = "FR"\nname = "file"\nverbose = 2\n')
    resolved = settle({"zone": "DE"}, CARBONSDK_ZONE="SE", CARBONSDK_NAME="environment")
    assert resolved.settings.zone == "DE"
    assert resolved.settings.name == "environment"
    assert resolved.settings.verbose == 2
    assert resolved.sources == {
        "zone": "call",
        "name": "variable CARBONSDK_NAME",
        "verbose": f"{project}/carbonsdk.toml:3",
    }


def test_none_in_a_call_is_the_same_as_not_given(settle):
    assert settle({"zone": None, "sim_cpu_util": None}, CARBONSDK_ZONE="SE").settings.zone == "SE"


def test_an_unknown_keyword_names_the_nearest_known_one(settle):
    with pytest.raises(SettingsError, match=r"unknown setting 'zoen'; did you mean 'zone'\?"):
        settle({"zoen": "DE"})


def test_an_unknown_file_key_names_its_line_and_the_nearest_known_one(settle, project):
    (project / "carbonsdk.toml").write_text("# ours\n\nupdate_intervall = 2\n")
    with pytest.raises(
        SettingsError, match=r"carbonsdk.toml:3: unknown setting 'update_intervall'; did you mean 'update_interval'\?"
    ):
        settle()


def test_an_unknown_variable_only_warns(settle):
    resolved = settle(CARBONSDK_ZOEN="DE")
    assert resolved.warnings == ("unknown variable CARBONSDK_ZOEN is ignored; did you mean 'CARBONSDK_ZONE'?",)


def test_no_variable_is_offered_for_one_that_is_like_it_in_the_prefix_alone(settle):
    assert settle(CARBONSDK_FOO="1").warnings == ("unknown variable CARBONSDK_FOO is ignored",)


@pytest.mark.parametrize("variable", ["CARBONSDK_BUDGET", "CARBONSDK_BUDGET__KWH"])
def test_a_variable_of_what_only_a_call_can_give_is_told_to_be_so(settle, variable):
    assert settle(**{variable: "2"}).warnings == (f"variable {variable} is ignored: budget can be given in a call only",)


def test_a_pue_of_nobody_known_is_told_with_where_it_was_given(settle):
    with pytest.raises(SettingsError, match=r"^pue \(variable CARBONSDK_PUE\): no PUE is known for 'abc'"):
        settle(CARBONSDK_PUE="abc")


def test_more_decimals_than_the_console_writes_are_an_error_and_not_silence(settle):
    with pytest.raises(SettingsError, match="decimal_precision must be at most 100, not 101"):
        settle({"decimal_precision": 101})


def test_an_empty_variable_is_not_set(settle):
    assert settle(CARBONSDK_EPOCHS="").settings.epochs is None


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("CARBONSDK_EPOCHS", "12", "epochs", 12),
        ("CARBONSDK_OFFLINE", "on", "offline", True),
        ("CARBONSDK_UPDATE_INTERVAL", "0.5", "update_interval", 0.5),
        ("CARBONSDK_BACKENDS", "rapl, nvml", "backends", ("rapl", "nvml")),
        ("CARBONSDK_DISABLE_PLUGINS", "noisy", "disable_plugins", ("noisy",)),
        ("CARBONSDK_BASIS", "direct", "basis", Basis.DIRECT),
        ("CARBONSDK_INTENSITY", "120", "intensity", 120.0),
        ("CARBONSDK_PUE", "1.2", "pue", 1.2),
        ("CARBONSDK_PUE", "aws", "pue", "aws"),
        ("CARBONSDK_NAME", "100%d %(x)s", "name", "100%d %(x)s"),
        ("CARBONSDK_COMPONENTS", "GPU, cpu", "components", "gpu,cpu"),
    ],
)
def test_a_variable_is_read_as_the_settings_type(settle, variable, text, name, value):
    assert getattr(settle(**{variable: text}).settings, name) == value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"epochs": 2.5}, "epochs must be a whole number or nothing, not 2.5"),
        ({"epochs": True}, "epochs must be a whole number or nothing, not True"),
        ({"epochs": -1}, "epochs must be at least 0, not -1"),
        ({"update_interval": 0}, "update_interval must be above 0, not 0.0"),
        ({"update_interval": float("inf")}, "update_interval must be finite, not inf"),
        ({"update_interval": 1e10}, "update_interval must be at most 1000000, not 10000000000.0"),
        ({"settle_s": 1e10}, "settle_s must be at most 1000000, not 10000000000.0"),
        ({"sim_cpu_util": 2}, "sim_cpu_util must be at most 1, not 2.0"),
        ({"pue": 0.5}, "pue must be at least 1, not 0.5"),
        ({"components": "tpu"}, "components must be one of 'all', 'cpu', 'gpu' or 'gpu,cpu', not 'tpu'"),
        ({"scope": "node"}, "scope must be one of 'machine', 'process', not 'node'"),
        ({"sync": 3}, "sync must be a callable, not 3"),
        ({"on_budget": "stop"}, "on_budget must be 'warn', 'raise' or a callable, not 'stop'"),
        ({"monitor_epochs": 0}, "monitor_epochs (call): 0 must be -1"),
        ({"monitor_epochs": 2, "epochs_before_pred": 3}, "monitor_epochs (call): 2 must be -1"),
        ({"sim_cpu": "Xeon"}, "sim_cpu (call): give sim_cpu_tdp"),
        ({"sim_gpu": "A100"}, "sim_gpu (call): give sim_gpu_watts"),
        ({"options": {"backend": {}}}, "options: 'backend' is not a table of one of backends, intensity"),
        ({"sinks": {"csv": 3}}, "sinks: the settings of 'csv' are not a table"),
    ],
)
def test_a_wrong_value_names_the_setting_and_what_is_allowed(settle, call, message):
    with pytest.raises(SettingsError) as raised:
        settle(call)
    assert message in str(raised.value)


def test_a_wrong_value_of_a_variable_names_the_variable(settle):
    with pytest.raises(SettingsError, match=r"epochs \(variable CARBONSDK_EPOCHS\) must be a whole number"):
        settle(CARBONSDK_EPOCHS="many")


def test_a_wrong_value_of_a_file_names_the_line(settle, project):
    (project / "carbonsdk.toml").write_text('zone = "DE"\nepochs = "many"\n')
    with pytest.raises(SettingsError, match=r"epochs \(.*carbonsdk.toml:2\) must be a whole number"):
        settle()


def test_numbers_of_numpy_are_numbers(settle):
    settings = settle({"epochs": np.int64(3), "update_interval": np.float32(0.5)}).settings
    assert (settings.epochs, settings.update_interval) == (3, 0.5)
    assert type(settings.epochs) is int


def test_the_nearest_file_upwards_is_the_projects(settle, project):
    (project.parent / "carbonsdk.toml").write_text('zone = "FR"\n')
    assert settle().settings.zone == "FR"
    (project / "carbonsdk.toml").write_text('name = "near"\n')
    assert settle().settings.zone is None


def test_the_search_ends_at_the_home_directory(settle, project):
    (project.parent.parent / "carbonsdk.toml").write_text('zone = "FR"\n')
    assert settle().settings.zone is None


def test_a_table_in_pyproject_is_read(settle, project):
    (project / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.carbonsdk]\nzone = "NO"\n')
    resolved = settle()
    assert resolved.settings.zone == "NO"
    assert resolved.sources["zone"] == f"{project}/pyproject.toml:5"


def test_a_pyproject_that_says_nothing_of_us_is_passed_over(settle, project):
    (project / "pyproject.toml").write_text("this is = not toml [")
    (project.parent / "carbonsdk.toml").write_text('zone = "FR"\n')
    assert settle().settings.zone == "FR"


def test_the_users_own_file_lies_under_the_projects(settle, project):
    own = project.parent / ".config" / "carbonsdk" / "carbonsdk.toml"
    own.parent.mkdir(parents=True)
    own.write_text('zone = "PL"\nname = "mine"\n')
    (project / "carbonsdk.toml").write_text('name = "project"\n')
    resolved = settle()
    assert (resolved.settings.zone, resolved.settings.name) == ("PL", "project")


def test_carbonsdk_config_names_the_file(settle, project, tmp_path):
    (project / "carbonsdk.toml").write_text('zone = "FR"\n')
    (tmp_path / "other.toml").write_text('zone = "IS"\n')
    assert settle(CARBONSDK_CONFIG=str(tmp_path / "other.toml")).settings.zone == "IS"


def test_a_named_file_that_is_absent_is_an_error(settle, tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.toml: cannot be read: No such file"):
        settle(CARBONSDK_CONFIG=str(tmp_path / "absent.toml"))


def test_a_broken_file_is_an_error_with_its_line(settle, project):
    (project / "carbonsdk.toml").write_text('zone = "DE"\nepochs =\n')
    with pytest.raises(SettingsError, match=r"carbonsdk.toml: not valid TOML: .*line 2"):
        settle()


def test_a_file_with_a_setting_of_the_call_alone_is_told_so(settle, project):
    (project / "carbonsdk.toml").write_text("budget = 3\n")
    with pytest.raises(SettingsError, match=r"carbonsdk\.toml:1: budget can be given in a call only"):
        settle()


def test_relative_paths_of_a_file_start_at_its_directory(settle, project):
    (project / "carbonsdk.toml").write_text('log_dir = "logs"\n[intensity]\nown = "solar.csv"\n')
    settings = settle().settings
    assert settings.log_dir == project / "logs"
    assert settings.intensity == project / "solar.csv"


def test_plugins_are_chosen_and_set_in_one_table_of_a_file(settle, project):
    (project / "carbonsdk.toml").write_text(
        '[backends]\nuse = ["rapl", "nvml"]\n[backends.rapl]\nroot = "/host/sys"\n[intensity.electricitymaps]\nversion = 3\n'
    )
    resolved = settle()
    assert resolved.settings.backends == ("rapl", "nvml")
    assert resolved.settings.options["backends"] == {"rapl": {"root": "/host/sys"}}
    assert resolved.settings.options["intensity"] == {"electricitymaps": {"version": 3}}
    assert resolved.sources["backends.rapl.root"] == f"{project}/carbonsdk.toml:4"


def test_a_plugins_table_that_is_none_is_an_error(settle, project):
    (project / "carbonsdk.toml").write_text("[backends]\nrapl = 3\n")
    with pytest.raises(SettingsError, match="'rapl' must be a table"):
        settle()


def test_a_variable_reaches_a_plugins_setting(settle):
    resolved = settle(CARBONSDK_BACKENDS__RAPL__ROOT="/host/sys")
    assert resolved.settings.options["backends"] == {"rapl": {"root": "/host/sys"}}
    assert resolved.settings.backends is None


def test_a_call_may_choose_and_set_plugins_at_once(settle):
    settings = settle(
        {"backends": {"rapl": {"root": "/host/sys"}, "nvml": None}, "sinks": "csv", "fetchers": ["static"]}
    ).settings
    assert settings.backends == ("rapl", "nvml")
    assert settings.options["backends"] == {"rapl": {"root": "/host/sys"}}
    assert (settings.sinks, settings.fetchers) == (("csv",), ("static",))


@pytest.mark.parametrize(
    ("call", "variables"),
    [
        ({"sinks": "csv=out/a=b.csv, log"}, {}),
        ({"sinks": ["csv=out/a=b.csv", "log"]}, {}),
        ({}, {"CARBONSDK_SINKS": "csv=out/a=b.csv,log"}),
    ],
)
def test_a_sink_may_be_named_with_its_file(settle, call, variables):
    settings = settle(call, **variables).settings
    assert settings.sinks == ("csv", "log")
    assert settings.options["sinks"] == {"csv": {"path": "out/a=b.csv"}}


@pytest.mark.parametrize(
    "written", ['sinks = ["csv=epochs.csv"]', 'sinks = "csv=epochs.csv"', '[sinks]\nuse = ["csv=epochs.csv"]']
)
def test_a_sinks_file_that_a_file_names_lies_beside_it(settle, project, written):
    (project / "carbonsdk.toml").write_text(written)
    settings = settle().settings
    assert settings.sinks == ("csv",)
    path = settings.options["sinks"]["csv"]["path"]
    assert path.directory / path == project / "epochs.csv"


def test_a_sinks_file_in_a_variable_wins_over_the_one_in_a_file(settle, project):
    (project / "carbonsdk.toml").write_text('[sinks.csv]\npath = "a.csv"\n')
    assert settle(CARBONSDK_SINKS="csv=b.csv").settings.options["sinks"] == {"csv": {"path": "b.csv"}}


def test_options_of_several_sources_are_merged_by_key(settle, project):
    (project / "carbonsdk.toml").write_text('[sinks.csv]\npath = "a.csv"\nflush = true\n')
    settings = settle({"sinks": {"csv": {"path": "b.csv"}}}).settings
    assert settings.options["sinks"]["csv"] == {"path": "b.csv", "flush": True}


def test_api_keys_are_secrets_and_hide_themselves(settle):
    settings = settle({"api_keys": {"electricitymaps": "s3cret"}}, CARBONSDK_API_KEYS__WATTTIME="hidden").settings
    assert settings.api_keys == {"electricitymaps": Secret("s3cret"), "watttime": Secret("hidden")}
    assert "s3cret" not in repr(settings)


def test_plugin_options_hide_themselves(settle):
    assert "s3cret" not in repr(settle({"fetchers": {"electricitymaps": {"token": "s3cret"}}}).settings)


def test_a_secret_never_stands_in_a_file(settle, project):
    (project / "carbonsdk.toml").write_text('[api_keys]\nelectricitymaps = "s3cret"\n')
    with pytest.raises(SettingsError, match=r"a file never holds a secret itself$") as raised:
        settle()
    assert "s3cret" not in str(raised.value)


def test_a_file_refers_to_the_variable_or_file_that_holds_a_secret(settle, project, monkeypatch):
    monkeypatch.setenv("EM_TOKEN", "from-variable")
    (project / "token").write_text("from-file\n")
    (project / "carbonsdk.toml").write_text('[api_keys]\nelectricitymaps = {env = "EM_TOKEN"}\nwatttime = {file = "token"}\n')
    keys = settle().settings.api_keys
    assert keys == {"electricitymaps": Secret("from-variable"), "watttime": Secret("from-file")}


def test_a_plugins_secret_is_looked_up_when_the_plugin_is_configured(settle, project):
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Table:
        token: Secret | None = None

    (project / "carbonsdk.toml").write_text('[intensity.electricitymaps]\ntoken = {env = "NOT_SET_ANYWHERE"}\n')
    options = settle().settings.options["intensity"]["electricitymaps"]
    with pytest.raises(SettingsError, match="NOT_SET_ANYWHERE, which is to hold the secret, is not set"):
        configure(Table, options, where="intensity.electricitymaps")


def test_the_text_of_a_command_line_is_read_as_a_variables():
    assert parsed("intensity", "80", where="--intensity") == 80.0
    assert parsed("log_dir", "logs", where="--log-dir") == Path.cwd() / "logs"
    with pytest.raises(SettingsError, match=r"pue \(--pue\) must be at least 1"):
        parsed("pue", "0.2", where="--pue")


def test_every_setting_says_what_it_means():
    undocumented = [each.name for each in fields(Settings) if not each.metadata.get("help", "").endswith(".")]
    assert undocumented == []


def test_nothing_heavy_is_imported_where_no_file_is_found(tmp_path):
    script = (
        "import sys; from carbonsdk.settings import resolve; resolve({});"
        "print([name for name in ('platformdirs', 'tomllib', 'numpy') if name in sys.modules])"
    )
    environ = {"HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_that_may_not_be_entered_holds_no_settings(tmp_path):
    # A name too long for the file system fails like a forbidden one, also for root.
    resolved = resolve({}, environ={"HOME": str(tmp_path / ("x" * 300))}, directory=tmp_path)
    assert resolved.sources == {}
