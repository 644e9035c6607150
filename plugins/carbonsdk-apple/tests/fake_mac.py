"""A Mac's `sudo` and `powermetrics`, as programs on PATH: they print what the real ones print, of a written profile.

This file is the programs too: what it does depends on the name that it is run by. Samples cover the profiles' time and not
real time: so many are printed as were asked for.
"""

import json
import os
import plistlib
import signal
import subprocess
import sys
from pathlib import Path

FOLDER = "FAKE_MAC"
ROOT = "FAKE_MAC_ROOT"


class FakeMac:
    """The machine, in a folder. `allowed` is whether sudo lets this user in; `more` has powermetrics go on."""

    def __init__(self, folder, *, samples=1, allowed=True, faults=(), release="new", **profiles):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for name in ("sudo", "powermetrics"):
            program = self.bin / name
            program.write_text(f"#!{sys.executable}\n{Path(__file__).read_text()}")
            program.chmod(0o755)
        curves = {part: [[*zip(c.times, c.values, strict=True)] for c in each.curves] for part, each in profiles.items()}
        state = {"samples": samples, "allowed": allowed, "faults": list(faults), "release": release, "curves": curves}
        (folder / "state.json").write_text(json.dumps(state))
        os.mkfifo(folder / "go")
        # Held open at both ends, so that neither side waits for the other.
        self._go = os.open(folder / "go", os.O_RDWR)

    def environ(self):
        return {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", FOLDER: str(self.folder)}

    def more(self, *words):
        """Have powermetrics print a sample for each word: "ok", or what is wrong with it."""
        os.write(self._go, "".join(f"{word}\n" for word in words).encode())

    def pids(self):
        return [int(path.name) for path in (self.folder / "pids").iterdir()]

    def lines(self):
        """Return the command lines of all that was run, oldest first."""
        return [json.loads(line) for line in (self.folder / "lines").read_text().splitlines()]

    def close(self):
        os.close(self._go)


def noted(folder):
    (folder / "pids").mkdir(exist_ok=True)
    (folder / "pids" / str(os.getpid())).touch()
    with (folder / "lines").open("a") as file:
        file.write(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]) + "\n")


def sudo(folder, state):
    if sys.argv[1] != "-n":
        sys.exit("sudo: this would have asked for a password")
    if not state["allowed"]:
        sys.exit("sudo: a password is required")
    sys.exit(subprocess.run(sys.argv[2:], check=False, env={**os.environ, ROOT: "1"}).returncode)


def powermetrics(folder, state):
    if ROOT not in os.environ and os.geteuid() != 0:
        sys.exit("powermetrics must be invoked as the superuser")
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    assert set(options) == {"--samplers", "-i", "-b", "-f"}
    if "stubborn" in state["faults"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "absent" in state["faults"]:
        sys.exit("powermetrics: unable to get energy data")
    interval_s = int(options["-i"]) / 1000
    words = iter(["ok"] * state["samples"])
    number = 0
    with (folder / "go").open() as go:
        while True:
            word = next(words, None) or go.readline().strip()
            if not word:
                return  # the test is over
            printed(word, state, number, interval_s)
            number += 1


def printed(word, state, number, interval_s):
    text = listed(state, number, interval_s)
    match word:
        case "die":
            sys.exit("powermetrics: second underflow occurred")
        case "garbled":
            text = text.replace(b"</dict>", b"", 1)
        case "negative":
            text = text.replace(b"<key>cpu_energy</key>\n\t\t<integer>", b"<key>cpu_energy</key>\n\t\t<integer>-")
        case "endless":
            text = b" " * (5 << 20)
        case "torn":
            # Two writes, with the end of the list in both.
            sys.stdout.buffer.write(text[:-4])
            sys.stdout.buffer.flush()
            text = text[-4:]
    sys.stdout.buffer.write((b"\0" if number else b"") + text if word != "torn" else text)
    sys.stdout.buffer.flush()


def listed(state, number, interval_s):
    start_s, end_s = number * interval_s, (number + 1) * interval_s
    millijoules = {
        part: 1e3 * sum(integral(curve, end_s) - integral(curve, start_s) for curve in curves)
        for part, curves in state["curves"].items()
    }
    processor = {"clusters": [{"name": "E-Cluster", "freq_hz": 1.0e9, "cpus": [{"cpu": 0, "idle_ratio": 0.5}]}]}
    gpu = {"freq_hz": 444.0, "idle_ratio": 0.9}
    for part, value in millijoules.items():
        match state["release"]:
            case "new":
                processor |= {f"{part}_energy": round(value), f"{part}_power": value / interval_s}
            case "power only":
                processor[f"{part}_power"] = value / interval_s
            case "no power":
                processor |= {f"{part}_energy": round(value), f"{part}_power": 0.0}
            case "gpu apart":
                (gpu if part == "gpu" else processor)[f"{part}_energy"] = round(value)
            case "intel":
                processor["package_watts"] = value / interval_s / 1e3
    told = {"is_delta": True, "elapsed_ns": round(interval_s * 1e9), "hw_model": "Mac14,2", "processor": processor, "gpu": gpu}
    return plistlib.dumps(told, sort_keys=False)


def integral(points, t_s):
    """Return the joules from 0 to `t_s` of straight lines between (seconds, watts), whose last value holds."""
    total = 0.0
    for (t0, w0), (t1, w1) in zip(points, [*points[1:], [max(t_s, points[-1][0]), points[-1][1]]], strict=True):
        if t1 > t0 and t_s > t0:
            upto = min(t_s, t1)
            total += (upto - t0) * (w0 + w0 + (w1 - w0) * (upto - t0) / (t1 - t0)) / 2
    return total


if __name__ == "__main__":
    here = Path(os.environ[FOLDER])
    noted(here)
    {"sudo": sudo, "powermetrics": powermetrics}[Path(sys.argv[0]).name](here, json.loads((here / "state.json").read_text()))
