"""Nothing that people may use goes undocumented: names, hooks, settings, commands, events, records, plugins."""

import dataclasses
import inspect
import itertools
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints

import click
import pytest

from carbonsdk import events, hookspecs
from carbonsdk.cli import cli
from carbonsdk.cli.group import BUILT_IN
from carbonsdk.journal.records import Record
from carbonsdk.settings.fields import Settings
from carbonsdk.sinks._csv import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PUBLIC = ("carbonsdk", "carbonsdk.plugin", "carbonsdk.runs", "carbonsdk.testing", "carbonsdk.errors")
NOT_DOCUMENTED_AS_NAMES = {"__version__", "errors", "runs"}  # a string, and modules that have sections of their own


@pytest.fixture(scope="module")
def text():
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    try:
        return import_module("reference_text")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def pages(text):
    """The pages of the reference by name, with what is written from the code filled in."""
    return {path.stem: text.filled(path.read_text(encoding="utf-8")) for path in REFERENCE.glob("*.md")}


def public_names():
    for module in map(import_module, PUBLIC):
        names = getattr(module, "__all__", None) or [name for name, _ in inspect.getmembers(module, inspect.isclass)]
        for name in names:
            if name not in NOT_DOCUMENTED_AS_NAMES:
                yield pytest.param(module, name, id=f"{module.__name__}.{name}")


def members_of_modules(pages):
    """The names that an `automodule` writes out, by module."""
    for page in pages.values():
        for module, options in re.findall(r"\.\. automodule:: (\S+)\n((?:   .*\n)*)", page):
            excluded = re.search(r":exclude-members: ((?:.*\n(?=      ))*.*)", options)
            yield module, set(re.findall(r"\w+", excluded[1])) if excluded else set()


@pytest.mark.parametrize(("module", "name"), list(public_names()))
def test_every_public_name_is_described(module, name, pages):
    by_itself = re.compile(rf"(?:auto(?:class|function|decorator):: (?:\S+\.)?|py:data:: \S+\.){name}\b")
    by_its_module = any(
        (module.__name__ == each or hasattr(import_module(each), name)) and name not in excluded
        for each, excluded in members_of_modules(pages)
        if each in PUBLIC
    )
    assert by_its_module or any(by_itself.search(page) for page in pages.values())


@pytest.mark.parametrize(("module", "name"), list(public_names()))
def test_every_public_class_and_function_says_what_it_is(module, name):
    described = getattr(module, name)
    if inspect.isclass(described) or inspect.isfunction(described):
        told = inspect.getdoc(described)
        assert told
        assert not told.startswith(f"{described.__name__}("), "a dataclass without a docstring has its signature for one"


def test_every_setting_is_described(pages):
    for each in dataclasses.fields(Settings):
        assert re.search(rf"^`{each.name}`\n: [A-Z\"`].+\.", pages["settings"], re.MULTILINE), each.name


def test_every_hook_is_described(pages):
    hooks = [name for name in vars(hookspecs) if name.startswith("carbonsdk_")]
    assert len(hooks) >= 5
    for name in hooks:
        assert f"## `{name}`" in pages["hooks"]


def test_every_event_is_described(pages):
    for event in get_args(events.Event):
        assert f"autoclass:: carbonsdk.plugin.{event.__name__}\n" in pages["events"]


def commands(group, path="carbonsdk"):
    context = click.Context(group)
    for name in BUILT_IN if group is cli else group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


@pytest.mark.parametrize("command", [pytest.param(command, id=path) for path, command in commands(cli)])
def test_every_command_and_option_has_help(command):
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_every_command_is_on_the_page(pages):
    assert ".. click:: carbonsdk.cli:cli\n   :prog: carbonsdk\n   :nested: full\n" in pages["commands"]


def test_every_field_of_every_record_is_described(pages):
    for record in get_args(Record):
        held = {name: getattr(hint, "_fields", (name,)) for name, hint in get_type_hints(record).items()}
        for field in itertools.chain(*held.values()):  # a record inside a record is written into its line
            assert f"| `{field}` |" in pages["journal-schema"], f"{record.__name__}.{field}"


def test_every_entry_point_is_described(pages):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in project["entry-points"]["carbonsdk"]:
        assert f"Entry point `{name}`" in pages["plugins"], name


def test_every_column_of_the_csv_file_is_described():
    page = (ROOT / "docs" / "how-to" / "results.md").read_text(encoding="utf-8")
    assert [column for column in COLUMNS if f"`{column}`" not in page] == []


def test_a_marker_that_nothing_is_written_for_is_an_error(text):
    with pytest.raises(KeyError):
        text.filled("<!-- generated: nothing -->")
