"""`carbonsdk plugin new`: a package of one's own that extends carbonsdk, tests included."""

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template
from typing import NamedTuple

import click

from carbonsdk.cli.group import BUILT_IN

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_PREFIX = "carbonsdk-"
_SUFFIX = ".tmpl"


class Names(NamedTuple):
    """How one plugin is called where: `plug_meter`, `carbonsdk-plug-meter`, `carbonsdk_plug_meter`, `PLUG_METER`."""

    name: str
    distribution: str
    package: str
    constant: str

    @classmethod
    def of(cls, given: str) -> "Names":
        """Return the names that follow from what a person typed; raise BadParameter where it makes no name."""
        bare = given.removeprefix(_PREFIX).removeprefix(_PREFIX.replace("-", "_"))
        if not _NAME.fullmatch(bare):
            message = f"{given!r} is no name for a plugin: use lower-case letters, digits and single hyphens, a letter first"
            raise click.BadParameter(message, param_hint="NAME")
        name = bare.replace("-", "_")
        return cls(name, f"{_PREFIX}{name.replace('_', '-')}", f"carbonsdk_{name}", name.upper())


@click.group("plugin")
def command() -> None:
    """Write plugins for carbonsdk."""


@command.command("new", short_help="Write the package carbonsdk-NAME, tests included.")
@click.argument("name")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where the package's folder is made; the working directory unless given.",
)
def new(name: str, directory: Path) -> None:
    """Write the package carbonsdk-NAME: a backend, a fetcher, a locator, a sink and a command, with tests that pass."""
    names = Names.of(name)
    _refuse_taken(names.name)
    target = directory / names.distribution
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise click.ClickException(f"{target} is there already: choose another name, or another --dir")
        written = write(names, target)
    except OSError as error:
        raise click.ClickException(f"cannot write {error.filename or target}: {error.strerror}") from error
    _show(target, written)


def write(names: Names, target: Path) -> list[PurePosixPath]:
    """Write the package below `target`, and return the paths of its files in it."""
    written = []
    for path, text in rendered(names):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
        written.append(path)
    return written


def rendered(names: Names) -> Iterator[tuple[PurePosixPath, str]]:
    """Yield the path and the text of each file of the package."""
    for path, template in _templates(files("carbonsdk.cli") / "plugin_template", PurePosixPath()):
        place = PurePosixPath(*(part.replace("PACKAGE", names.package) for part in path.parts))
        text = Template(template.read_text(encoding="utf-8")).substitute(names._asdict())
        yield place.with_name(place.name.removesuffix(_SUFFIX)), text


def _templates(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir():
            yield from _templates(entry, path / entry.name)
        elif entry.name.endswith(_SUFFIX):
            yield path / entry.name, entry


def _refuse_taken(name: str) -> None:
    """Refuse a name under which the new plugin would be refused itself."""
    from carbonsdk.host import PluginHost

    host = PluginHost.discover()
    tables = (host.backends, host.fetchers, host.locators, host.sinks)
    if name in BUILT_IN or any(name in table and table[name].plugin.builtin for table in tables):
        raise click.BadParameter(f"{name!r} is a name of carbonsdk's own: choose another", param_hint="NAME")


def _show(target: Path, written: list[PurePosixPath]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text.assemble("Wrote ", (str(target), "bold")), soft_wrap=True)
    for path in written:
        console.print(Text(f"  {path}", "dim"), soft_wrap=True)
    console.print("Next:", soft_wrap=True)
    for line in (f"cd {target}", "pip install -e '.[test]'", "pytest", "carbonsdk plugins"):
        console.print(Text(f"  {line}"), soft_wrap=True)
