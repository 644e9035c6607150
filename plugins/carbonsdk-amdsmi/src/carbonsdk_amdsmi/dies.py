"""The GPUs that AMD SMI lists: what each is called, and which of them this process may use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_GUESS = "a guess: the driver does not say in which order ROCm counts its GPUs, and PCI order was taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Die:
    """One GPU in AMD SMI's list, which for an MI250 is half a board. `node` orders them as ROCm's runtime does."""

    handle: Any = field(compare=False)
    uuid: str
    address: str
    serial: str = ""
    name: str = "AMD GPU"
    node: int | None = None

    @property
    def slot(self) -> str:
        """Return the PCI address without the function, which the partitions of one GPU share."""
        return self.address.rpartition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The GPUs to be measured; `hidden_by` says why there are none."""

    dies: tuple[Die, ...]
    note: str | None = None
    hidden_by: str | None = None


def found_dies(amdsmi: Any) -> list[Die]:
    """Return the GPUs in PCI order."""
    dies = [_described(amdsmi, handle, index) for index, handle in enumerate(amdsmi.amdsmi_get_processor_handles())]
    return sorted(dies, key=lambda die: die.address)


def visible(dies: Sequence[Die], environ: Mapping[str, str]) -> Selection:
    """Return the GPUs that ROCm shows to a process with these variables.

    ROCR_VISIBLE_DEVICES chooses by number or by `GPU-` and the serial; HIP_VISIBLE_DEVICES, or CUDA_VISIBLE_DEVICES in its
    place, chooses among those (https://rocm.docs.amd.com, "GPU isolation techniques"). What follows an entry that names
    nothing is hidden.
    """
    certain = all(die.node is not None for die in dies)
    shown = sorted(dies, key=lambda die: die.node or 0) if certain else list(dies)
    hip = "HIP_VISIBLE_DEVICES" if "HIP_VISIBLE_DEVICES" in environ else "CUDA_VISIBLE_DEVICES"
    by_number = False
    for variable in ("ROCR_VISIBLE_DEVICES", hip):
        if variable not in environ:
            continue
        entries = [entry.strip() for entry in environ[variable].split(",")]
        by_number = by_number or any(entry.isdecimal() for entry in entries)
        shown = _listed(shown, entries)
        if not shown:
            return Selection(dies=(), hidden_by=f"{variable}={environ[variable]!r}")
    guess = by_number and not certain and len(shown) < len(dies)
    return Selection(dies=tuple(shown), note=_GUESS if guess else None)


def named(dies: Sequence[Die], names: Sequence[str]) -> Selection:
    """Return the GPUs that a user named; raise LookupError for the first name that fits none."""
    if "all" in names:
        return Selection(dies=tuple(dies))
    chosen = []
    for name in names:
        fitting = [die for number, die in enumerate(dies) if name.lower() in (str(number), die.uuid.lower(), die.address)]
        if not fitting:
            raise LookupError(name)
        chosen += fitting
    return Selection(dies=tuple(dict.fromkeys(chosen)))


def _listed(dies: Sequence[Die], entries: Sequence[str]) -> list[Die]:
    chosen: list[Die] = []
    for entry in entries:
        if entry.isdecimal():
            fitting = list(dies[int(entry) : int(entry) + 1])
        else:
            serial = entry.lower().removeprefix("gpu-")
            fitting = [die for die in dies if serial and entry.upper().startswith("GPU-") and die.serial.startswith(serial)]
        if len(fitting) != 1:
            break
        chosen += fitting
    return list(dict.fromkeys(chosen))


def _described(amdsmi: Any, handle: Any, index: int) -> Die:
    address = attempt(amdsmi, amdsmi.amdsmi_get_gpu_device_bdf, handle) or ""
    asic = attempt(amdsmi, amdsmi.amdsmi_get_gpu_asic_info, handle) or {}
    node = (attempt(amdsmi, amdsmi.amdsmi_get_gpu_kfd_info, handle) or {}).get("node_id")
    return Die(
        handle=handle,
        uuid=attempt(amdsmi, amdsmi.amdsmi_get_gpu_device_uuid, handle) or address or f"index-{index}",
        address=address.lower(),
        serial=_serial(asic.get("asic_serial")),
        name=_known(asic.get("market_name")) or "AMD GPU",
        node=node if isinstance(node, int) else None,
    )


def attempt(amdsmi: Any, call: Callable[..., Any], handle: Any) -> Any:
    """Return what a call answers, or None where this GPU or driver does not."""
    try:
        return call(handle)
    except (amdsmi.AmdSmiException, UnicodeDecodeError, ValueError):
        return None


def _known(text: Any) -> str:
    return "".join(each for each in str(text or "") if each.isprintable()).strip().removesuffix("N/A")


def _serial(text: Any) -> str:
    """Return a serial as ROCR_VISIBLE_DEVICES and rocminfo write it: 16 hexadecimal digits in lower case."""
    known = _known(text).lower().removeprefix("0x")
    return known.zfill(16) if known else ""
