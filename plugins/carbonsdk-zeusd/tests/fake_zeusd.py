"""A zeusd on a Unix socket: its routes, its JSON and its status codes, over hardware that draws what profiles say.

Written from the daemon's published API reference; it shares no code with the package that it is to test.
"""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from urllib.parse import parse_qs, urlsplit

from carbonsdk.testing import Profile

GROUPS = ("gpu-control", "gpu-read", "cpu-read")


@dataclass(frozen=True, kw_only=True)
class FakeCpu:
    """A RAPL zone, with its memory or without; `null` has the daemon answer null for it."""

    package: Profile
    dram: Profile | None = None
    start_uj: int = 5_000_000
    null: bool = False


@dataclass(frozen=True, kw_only=True)
class FakeGpu:
    profile: Profile
    name: str = "NVIDIA A40"
    pci_address: str = "0000:01:00.0"
    counter: bool = True


class FakeZeusd:
    """The daemon, from `with` to the end of the block; `faults` maps a path to what goes wrong there, `requests` tells all."""

    def __init__(self, path, clock, *, cpus=(), gpus=(), groups=GROUPS, tokens=None):
        self.path = path
        self.cpus, self.gpus = list(cpus), list(gpus)
        self.groups = groups
        self.tokens = tokens
        self.faults = {}
        self.requests = []
        self.over = threading.Event()
        self._clock, self._born_ns = clock, clock.monotonic_ns()
        self._server = None

    def __enter__(self):
        self.over.clear()
        self._server = _Server(str(self.path), _Handler)
        self._server.daemon_state = self
        self.path.chmod(0o666)  # the daemon's default, --socket-permissions 666
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="fake-zeusd")
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.path.unlink()

    @property
    def age_s(self):
        return (self._clock.monotonic_ns() - self._born_ns) / 1e9

    def answer(self, path, query, token):
        """Return a status and what to say in JSON; None is an empty body."""
        if path == "/discover":
            return 200, self._discovery()
        if self.tokens is not None and token not in self.tokens:
            return 401, {"error": f"Invalid token: {token}"}
        if path == "/auth/whoami":
            return (404, None) if self.tokens is None else (200, {"sub": "alice", "scopes": list(self.tokens[token])})
        group = {"/cpu": "cpu-read", "/gpu": "gpu-read"}.get(path[:4])
        if group not in self.groups:
            return 404, None
        if self.tokens is not None and group not in self.tokens[token]:
            return 403, {"error": f"Insufficient scope: {group} is required"}
        route = {
            "/cpu/get_cumulative_energy": self._cpu_energy,
            "/gpu/get_cumulative_energy": self._gpu_energy,
            "/gpu/get_power": self._gpu_power,
        }.get(path)
        return (404, None) if route is None else route(query)

    def _discovery(self):
        return {
            "gpus": [
                {"id": n, "name": gpu.name, "pci_address": gpu.pci_address, "cumulative_energy_available": gpu.counter}
                for n, gpu in enumerate(self.gpus)
            ],
            "cpus": [{"id": n, "dram_available": cpu.dram is not None} for n, cpu in enumerate(self.cpus)],
            "enabled_api_groups": list(self.groups),
            "auth_required": self.tokens is not None,
        }

    def _cpu_energy(self, query):
        for name in ("cpu", "dram"):
            if query.get(name) not in ("true", "false"):
                return 400, f"Query deserialize error: missing field `{name}`"
        answer = {}
        for n in _indices(query.get("cpu_ids"), self.cpus):
            cpu = self.cpus[n]
            answer[str(n)] = {
                "cpu_energy_uj": self._microjoules(cpu, cpu.package) if query["cpu"] == "true" else None,
                "dram_energy_uj": self._microjoules(cpu, cpu.dram) if query["dram"] == "true" else None,
            }
        return 200, answer

    def _microjoules(self, cpu, profile):
        return None if profile is None or cpu.null else cpu.start_uj + round(profile.joules(self.age_s) * 1e6)

    def _gpu_energy(self, query):
        wanted = _indices(query.get("gpu_ids"), self.gpus)
        bad = {str(n): "cumulative energy is not supported" for n in wanted if not self.gpus[n].counter}
        if bad:
            return 400, {"errors": bad}
        return 200, {str(n): {"energy_mj": round(self.gpus[n].profile.joules(self.age_s) * 1e3)} for n in wanted}

    def _gpu_power(self, query):
        wanted = _indices(query.get("gpu_ids"), self.gpus)
        power = {str(n): round(self.gpus[n].profile.watts(self.age_s) * 1e3) for n in wanted}
        return 200, {"timestamp_ms": 1_762_000_000_000, "power_mw": power}


def _indices(listed, devices):
    return range(len(devices)) if listed is None else [int(each) for each in listed.split(",")]


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Say nothing of a client that hung up: that is what deadlines do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_line):
        pass

    def do_GET(self):
        daemon = self.server.daemon_state
        url = urlsplit(self.path)
        daemon.requests.append(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        match daemon.faults.get(url.path):
            case None:
                self._reply(*daemon.answer(url.path, query, token))
            case "hang":
                daemon.over.wait(30)
            case "trickle":
                while not daemon.over.wait(0.02):
                    self.wfile.write(b"H")
            case "hang up":
                self.close_connection = True
            case (status, answer):
                self._reply(status, answer)

    def _reply(self, status, answer):
        body = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
