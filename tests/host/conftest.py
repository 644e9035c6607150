"""Really installed distributions: a module and its dist-info in a folder on the path of a fresh interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

_GOOD = """
    from carbonsdk.plugin import Registration, hookimpl

    class Quiet:
        def handle(self, event): ...
        def close(self): ...

    @hookimpl
    def carbonsdk_sinks():
        return [Registration(name="{name}", factory=lambda context: Quiet())]
"""

# One line a plugin, so that a test sees at a glance what became of each.
# Plugins that this environment has beside the test's own are left out.
_LIST = """
import sys
from carbonsdk.host import PluginHost
from carbonsdk.host.entrypoints import scan
path = list(sys.path)
sys.path.remove(FOLDER)
others = {(each.distribution, each.name) for each in scan()}
sys.path[:] = path
host = PluginHost.discover(DISABLED)
found = {
    f"{info.distribution}:{info.name}": [info.state, info.reason, [f"{offer.kind} {offer.name}" for offer in info.offers]]
    for info in host.plugins if (info.distribution, info.name) not in others
}
"""


class Site:
    """A folder of installed distributions beside carbonsdk's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, source: str, *, points: dict[str, str] | None = None, version: str = "1.0") -> None:
        """Install `source` as the module of a distribution; `points` are its entry points, one to the module by default."""
        module = distribution.replace("-", "_")
        (self.folder / f"{module}.py").write_text(dedent(source))
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {target}" for name, target in (points or {distribution: module}).items()]
        (info / "entry_points.txt").write_text("\n".join(["[carbonsdk]", *lines, ""]))

    def install_good(self, distribution: str, *, sink: str) -> None:
        """Install a distribution that registers one working sink."""
        self.install(distribution, _GOOD.format(name=sink))

    def run(self, script: str, *flags: str) -> str:
        """Run a script in a fresh interpreter that has this folder on its path, and return its output."""
        path = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, *flags, "-W", "error", "-c", dedent(script)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def plugins(self, *, disabled: tuple[str, ...] = ()) -> dict[str, list]:
        """Return "distribution:name" → [state, reason, offers] of the plugins that are not built in."""
        script = _LIST.replace("DISABLED", repr(disabled)).replace("FOLDER", repr(str(self.folder)))
        return json.loads(self.run(f"{script}\nimport json; print(json.dumps(found))"))


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path / "site")
    made.folder.mkdir()
    made.install_good("zz-good", sink="good")
    return made
