"""How the real pynvml and the library are found: each in a process of its own."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest

from carbonsdk.testing.nvml import FakeGpu, FakeNvml
from carbonsdk.testing.profile import Profile

OPEN = """
from carbonsdk.backends.nvml import NvmlSettings
from carbonsdk.backends.nvml.backend import NvmlBackend
from carbonsdk.errors import BackendUnavailable
backend = NvmlBackend(NvmlSettings(), environ={})
try:
    [device] = backend.open()
except BackendUnavailable as error:
    print(type(error).__name__, error)
else:
    print(device.id, backend.read(device))
backend.close()
"""


def python(code, env=None, cwd=None):
    done = subprocess.run([sys.executable, "-c", dedent(code)], env=env, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def without_driver():
    """An environment in which no libnvidia-ml.so.1 is to be found."""
    done = subprocess.run(
        [sys.executable, "-c", "import ctypes; ctypes.CDLL('libnvidia-ml.so.1')"], capture_output=True, timeout=60
    )
    if done.returncode == 0:
        pytest.skip("this machine has an NVIDIA driver")
    return dict(os.environ)


def test_a_new_process_finds_the_fake_driver_by_its_environment(tmp_path, fake_nvml_library):
    fake = FakeNvml(tmp_path, [FakeGpu(uuid="GPU-1", profile=Profile.constant(200))])
    fake.advance(3)
    assert python(OPEN, fake.environ(fake_nvml_library)).startswith("GPU-1 CounterReading(joules=600.0")
    assert (fake.inits, fake.shutdowns) == (1, 1)


def test_a_missing_library_says_what_to_install(without_driver):
    assert "SensorAbsent libnvidia-ml.so.1 is not on this machine: install" in python(OPEN, without_driver)


def test_a_missing_pynvml_says_what_to_install(tmp_path):
    said = python("import sys; sys.modules['pynvml'] = None" + OPEN)
    assert said.startswith("SensorAbsent")
    assert "pip install nvidia-ml-py" in said


def test_an_old_fork_of_pynvml_is_recognised(tmp_path):
    (tmp_path / "pynvml.py").write_text("def nvmlInit(): raise SystemExit('must not be called')\n")
    said = python(OPEN, {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert said.startswith("SensorAbsent an old fork of pynvml")
    assert "pip uninstall pynvml" in said


def test_importing_the_plugin_imports_neither_pynvml_nor_the_backend():
    code = """
        import sys, carbonsdk.backends.nvml as plugin
        [registration] = plugin.carbonsdk_backends()
        heavy = ("pynvml", "carbonsdk.backends.nvml.")
        print(registration.name, [name for name in sys.modules if name.startswith(heavy)])
    """
    assert python(code) == "nvml []"


def test_a_forked_child_shuts_nothing_down(tmp_path, fake_nvml_library):
    fake = FakeNvml(tmp_path, [FakeGpu(uuid="GPU-1", profile=Profile.constant(200))])
    code = """
        import os
        from carbonsdk.backends.nvml import NvmlSettings
        from carbonsdk.backends.nvml.backend import NvmlBackend
        backend = NvmlBackend(NvmlSettings(), environ={})
        backend.open()
        if os.fork() == 0:
            backend.close()
            os._exit(0)
        os.wait()
    """
    python(code, fake.environ(fake_nvml_library))
    assert (fake.inits, fake.shutdowns) == (1, 0)


def test_the_factory_reads_cudas_own_variables(tmp_path, fake_nvml_library):
    gpus = [FakeGpu(uuid=f"GPU-{n}", profile=Profile.constant(200), bus_id=f"00000000:0{n}:00.0") for n in range(3)]
    fake = FakeNvml(tmp_path, gpus)
    code = """
        import logging
        from carbonsdk.clock import SystemClock
        from carbonsdk.interfaces import Context
        from carbonsdk.backends.nvml import carbonsdk_backends
        [registration] = carbonsdk_backends()
        backend = registration.factory(Context(registration.settings(), SystemClock(), logging.getLogger(), None))
        print([device.id for device in backend.open()])
        backend.close()
    """
    assert python(code, {**fake.environ(fake_nvml_library), "CUDA_VISIBLE_DEVICES": "2,1"}) == "['GPU-2', 'GPU-1']"
