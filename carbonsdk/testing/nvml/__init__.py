"""An NVIDIA driver without a GPU: the real pynvml loads a C library that follows a written power profile."""

from carbonsdk.testing.nvml.control import FakeNvml
from carbonsdk.testing.nvml.gpu import Architecture, FakeGpu, FakeProcess, Fault, NvmlCode
from carbonsdk.testing.nvml.library import NoCompiler, build_library

__all__ = ["Architecture", "FakeGpu", "FakeNvml", "FakeProcess", "Fault", "NoCompiler", "NvmlCode", "build_library"]
