"""Run the code blocks of one page, given as JSON on stdin, in order and in one namespace; exit with 1 at the first that fails.

What a page shows as printed must be printed, line for line in that order: lines between may be left out, `…` stands for
anything, and figures, their units and the quality of an energy may differ, as they do from one machine to the next. A
forecast's range is not told where it rounds to nothing, which on a busy machine it may have done.
"""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

# The scripts of the environment that the tests run in, which need not be on the path.
_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
_FREE = re.compile(
    r"(?P<rest>\s+…$)|(?P<doubt>\s+\(a forecast, .*$)"
    r"|(?P<space>\s+)|(?P<any>…)|(?P<number>\d[\d.,]*(?:e[-+]\d+)?)|\b(?P<energy>mJ|J|Wh|kWh)\b|\b(?P<mass>µg|mg|g|kg)\b"
    r"|\b(?P<quality>measured|integrated|estimated)\b"
)
_STANDS_FOR = {
    "rest": r"(?:\s.*)?",
    "doubt": r"\s+\(a forecast(?:, .*)?\)",
    "space": r"\s+",
    "any": ".*",
    "number": r"[\d.,]+(?:e[-+]\d+)?",
    "energy": "(?:mJ|J|Wh|kWh)",
    "mass": "(?:µg|mg|g|kg)",
    "quality": "(?:measured|integrated|estimated)",
}


def pattern(line):
    """Return what a printed line has to look like."""
    parts, end = [], 0
    for match in _FREE.finditer(line := line.strip()):
        parts += [re.escape(line[end : match.start()]), _STANDS_FOR[match.lastgroup]]
        end = match.end()
    return re.compile(rf"\s*{''.join(parts)}{re.escape(line[end:])}\s*")


def check_printed(shown, printed, where):
    """Exit where a line that the page shows was not printed."""
    rest = iter(printed.splitlines())
    for line in shown.splitlines():
        if line.strip() and not any(pattern(line).fullmatch(each) for each in rest):
            sys.exit(f"{where}: the page shows\n{line}\nin this order, and what was printed is\n{printed}")


def run_python(step, page, namespace):
    code = compile("\n" * step["line"] + step["text"], page, "exec")
    if step["not_run"]:
        return
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        exec(code, namespace)
    if step["printed"] is not None:
        check_printed(step["printed"], output.getvalue(), f"{page}:{step['line']}")


def run_console(step, page):
    commands = re.split(r"^\$ ", step["text"].replace("\\\n", ""), flags=re.MULTILINE)
    for each in commands[1:]:
        command, _, shown = each.partition("\n")
        if not command.startswith("carbonsdk"):
            sys.exit(f"{page}:{step['line']}: only `$ carbonsdk …` runs in a console block; write {command!r} in a sh block")
        if step["not_run"]:
            continue
        done = subprocess.run(
            command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PATH": _PATH}
        )
        if done.returncode:
            sys.exit(f"{page}:{step['line']}: {command} exited with {done.returncode}:\n{done.stdout}")
        check_printed(shown, done.stdout, f"{page}:{step['line']}")


def run_toml(step, page):
    """Have the settings reader read it, and each plugin its own table; one that names its file is left there for the rest."""
    from carbonsdk.host import PluginHost
    from carbonsdk.host.values import Kind
    from carbonsdk.options import configure
    from carbonsdk.settings import resolve

    name = "pyproject.toml" if "tool" in tomllib.loads(step["text"]) else "carbonsdk.toml"
    folder = Path.cwd() if step["text"].startswith(f"# {name}") else Path("settings")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(step["text"], encoding="utf-8")
    secrets = dict.fromkeys(re.findall(r'env = "(\w+)"', step["text"]), "example")
    with changed_environment(secrets):
        settings = resolve({}, directory=folder.resolve()).settings
        host = PluginHost.discover()
        tables = {
            Kind.BACKEND.table: host.backends,
            Kind.FETCHER.table: host.fetchers,
            Kind.LOCATOR.table: host.locators,
            Kind.SINK.table: host.sinks,
        }
        for group, plugins in settings.options.items():
            for plugin, options in plugins.items():
                configure(tables[group][plugin].registration.settings, options, where=f"{page}: {group}.{plugin}")


@contextlib.contextmanager
def changed_environment(values):
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            del os.environ[name]


def main():
    given = json.load(sys.stdin)
    page = given["page"]
    namespace = {"__name__": "__main__", "__file__": page}
    for step in given["steps"]:
        match step["language"]:
            case "python":
                run_python(step, page, namespace)
            case "console":
                run_console(step, page)
            case "toml":
                run_toml(step, page)
            case "json":
                json.loads(step["text"])


if __name__ == "__main__":
    main()
