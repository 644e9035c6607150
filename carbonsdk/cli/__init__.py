"""The command line `carbonsdk`: one module a command, loaded when it is asked for."""

import codecs
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from carbonsdk.cli.group import LazyGroup
from carbonsdk.errors import CarbonSDKError, SettingsError

EPILOG = (
    "Settings come from options, CARBONSDK_* variables and carbonsdk.toml; `carbonsdk config` shows them and their sources."
)

# A group without a command; before click 8.2 it printed its help by itself.
_BARE: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
_PLAIN = str.maketrans({"µ": "u", "±": "+/-", "…": "...", "–": "-", "−": "-", "×": "x", "≥": ">=", "·": "-"})


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from carbonsdk import __version__

        click.echo(f"carbonsdk {__version__}")
        context.exit()


@click.group("carbonsdk", cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def cli() -> None:
    """Measure the energy and CO2eq of programs, above all of training runs."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    _write_plainly()
    try:
        code = cli.main(args=arguments, prog_name="carbonsdk", standalone_mode=False)
        print(end="", flush=True)  # unlike sys.stdout itself, print is there in a program without standard output
    except _BARE as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        return _failed(error.format_message(), error.exit_code, help_of=getattr(error, "ctx", None))
    except SettingsError as error:
        return _failed(str(error), 2)
    except CarbonSDKError as error:
        return _failed(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted", 130)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has seen enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    return code if isinstance(code, int) else 0


def _write_plainly() -> None:
    """Have the standard streams write what they have no characters for in others."""
    codecs.register_error("carbonsdk.plain", _plainly)
    for stream in (sys.stdout, sys.stderr):
        # The C locale has Python escape what it cannot write, and still fail at a µ.
        if isinstance(stream, io.TextIOWrapper) and stream.errors in {"strict", "surrogateescape"}:
            stream.reconfigure(errors="carbonsdk.plain")


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """Write what a stream has no characters for with those that every stream has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "replace").decode("ascii"), error.end


def _failed(message: str, code: int, *, help_of: click.Context | None = None) -> int:
    hint = f" (see `{help_of.command_path} --help`)" if help_of else ""
    # One line but for commands to be copied, which stand on lines of their own.
    click.echo(f"carbonsdk: {message.strip()}{hint}", err=True)
    return code
