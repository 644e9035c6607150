"""What the system says about the processors."""

import ctypes

import pytest

from carbonsdk.backends.cpuinfo import CpuInfo, read_cpuinfo, sysctl_text

BLOCK = "processor\t: {cpu}\nmodel name\t: {model}\nphysical id\t: {socket}\nflags\t\t: fpu {flags}\n\n"


@pytest.fixture
def told(tmp_path):
    def told(text):
        (tmp_path / "cpuinfo").write_text(text)
        return read_cpuinfo(tmp_path)

    return told


def test_model_and_sockets_are_read_and_the_core_numbers_left_alone(told):
    text = "".join(
        BLOCK.format(cpu=cpu, model="AMD EPYC 7742 64-Core Processor", socket=cpu % 2, flags="vme") for cpu in range(4)
    )

    assert told(text) == CpuInfo(model="AMD EPYC 7742 64-Core Processor", sockets=2, virtual=False)


def test_a_guest_is_told_by_its_flags(told):
    assert told(BLOCK.format(cpu=0, model="Intel(R) Xeon(R) Processor", socket=0, flags="vme hypervisor")).virtual


def test_graviton_names_no_model(told):
    text = "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n\n"

    assert told(text) == CpuInfo()


def test_a_board_that_names_itself_once_is_taken_at_its_word(told):
    text = "processor\t: 0\nCPU part\t: 0xd08\n\nRevision\t: c03111\nModel\t\t: Raspberry Pi 4 Model B Rev 1.1\n"

    assert told(text).model == "Raspberry Pi 4 Model B Rev 1.1"


def test_without_the_file_nothing_is_invented(tmp_path):
    assert read_cpuinfo(tmp_path / "none").sockets == 1


class Libc:
    """Answers as macOS does: first the size, then the text into the buffer."""

    def __init__(self, **told):
        self._told = told

    def sysctlbyname(self, name, buffer, size, _new, _new_size):
        text = self._told.get(name.decode().rpartition(".")[2])
        if text is None:
            return -1
        if buffer is not None:
            ctypes.memmove(buffer, text + b"\0", len(text) + 1)
        size._obj.value = len(text) + 1
        return 0


def test_macos_tells_the_model_by_sysctl():
    libc = Libc(brand_string=b"Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz")

    assert sysctl_text(libc, "machdep.cpu.brand_string") == "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz"
    assert sysctl_text(libc, "machdep.cpu.unknown") is None
