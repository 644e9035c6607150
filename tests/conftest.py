"""What tests of several parts share."""

import pytest

from carbonsdk.testing.nvml import NoCompiler, build_library


@pytest.fixture(scope="session")
def fake_nvml_library(tmp_path_factory):
    """The path of a libnvidia-ml.so.1 that the real pynvml loads; see carbonsdk.testing.nvml."""
    try:
        return build_library(tmp_path_factory.mktemp("nvml"))
    except NoCompiler as error:
        pytest.skip(str(error))
