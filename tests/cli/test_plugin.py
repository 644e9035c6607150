"""A package that `carbonsdk plugin new` wrote works at once, and so does the one that is shown as the example."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from carbonsdk.cli.plugin import Names, command, rendered

EXAMPLE = Path(__file__).parents[2] / "plugins" / "carbonsdk-example"


def new(*arguments):
    return CliRunner().invoke(command, ["new", *map(str, arguments)])


@pytest.mark.parametrize("given", ["plug-meter", "plug_meter", "carbonsdk-plug-meter", "carbonsdk_plug_meter"])
def test_however_a_name_is_given_its_spellings_follow(given):
    assert Names.of(given) == ("plug_meter", "carbonsdk-plug-meter", "carbonsdk_plug_meter", "PLUG_METER")


@pytest.mark.parametrize("given", ["", "Plug", "9lives", "a b", "a--b", "../a", "café"])
def test_what_makes_no_name_is_refused(given, tmp_path):
    result = new("--dir", tmp_path, "--", given)
    assert result.exit_code == 2
    assert "is no name for a plugin" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["memory", "run", "carbonsdk-plugins"])
def test_a_name_of_carbonsdks_own_is_refused(given, tmp_path):
    result = new(given, "--dir", tmp_path)
    assert result.exit_code == 2
    assert "is a name of carbonsdk's own" in result.output


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    kept = tmp_path / "carbonsdk-mine" / "work.txt"
    kept.parent.mkdir()
    kept.write_text("a week of it")
    result = new("mine", "--dir", tmp_path)
    assert (result.exit_code, list(kept.parent.iterdir())) == (1, [kept])
    assert "is there already" in result.output


def test_a_folder_that_cannot_be_made_is_told_in_a_line(tmp_path):
    (tmp_path / "file").write_text("")
    result = new("mine", "--dir", tmp_path / "file" / "below")
    assert result.exit_code == 1
    assert result.output.startswith("Error: cannot write")


def test_what_was_written_and_what_comes_next_is_said(tmp_path):
    output = new("mine", "--dir", tmp_path).output
    assert "src/carbonsdk_mine/__init__.py" in output
    assert "pip install -e '.[test]'" in output


def test_the_example_is_what_the_command_writes():
    there = {
        path.relative_to(EXAMPLE).as_posix(): path.read_text()
        for path in EXAMPLE.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache", "dist", "build"}.intersection(path.parts)
    }
    assert there == {str(path): text for path, text in rendered(Names.of("example"))}


class Installed:
    """A package that pip has installed into a folder of its own, and its source."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source = source
        self.environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}
        options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--no-index", "-q"]
        self.python("-m", "pip", "install", *options, "--target", str(folder), str(source))

    def python(self, *arguments: str) -> str:
        """Run Python in the source's folder, with the package installed, and return its output."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.source, env=self.environment, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def own_tests(self) -> str:
        """Run the package's own tests."""
        return self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pyproject.toml")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    assert new("plug-meter", "--dir", folder).exit_code == 0
    return Installed(folder / "carbonsdk-plug-meter", folder / "site")


def test_the_tests_of_a_new_package_pass_at_once(installed):
    assert " passed in " in installed.own_tests()


def test_a_new_package_is_listed_with_all_that_it_offers(installed):
    told = json.loads(installed.python("-m", "carbonsdk.cli", "plugins", "--json"))
    (plugin,) = [each for each in told["plugins"] if each["name"] == "plug_meter"]
    assert plugin["state"] == "loaded"
    assert plugin["commands"]
    assert [(offer["kind"], offer["name"]) for offer in plugin["offers"]] == [
        ("backend", "plug_meter"),
        ("fetcher", "plug_meter"),
        ("locator", "plug_meter"),
        ("sink", "plug_meter"),
    ]


def test_the_command_of_a_new_package_is_one_of_carbonsdks(installed, tmp_path):
    meter = tmp_path / "watts"
    meter.write_text("61.5")
    assert installed.python("-m", "carbonsdk.cli", "plug_meter", "--path", str(meter)) == "power meter: 61.5 W\n"


def test_an_installed_package_that_is_not_used_loads_its_entry_module_alone(installed):
    loaded = installed.python(
        "-c",
        "import sys; from carbonsdk.host import PluginHost; PluginHost.discover();"
        "print(sorted(name for name in sys.modules if name.startswith('carbonsdk_')))",
    )
    assert loaded == "['carbonsdk_plug_meter']\n"
