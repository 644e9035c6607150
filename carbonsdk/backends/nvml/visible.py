"""Which GPUs this process may use: the variables of CUDA and of the container runtime, read as they read them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_GUESS = (
    "a guess: CUDA_VISIBLE_DEVICES counts the fastest GPU first, and these differ:"
    " set CUDA_DEVICE_ORDER=PCI_BUS_ID or list UUIDs"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What tells one GPU from the others. `index` is NVML's, in PCI order; `speed` only orders boards, in no unit."""

    index: int
    uuid: str
    bus_id: str = ""
    name: str = ""
    speed: float = 0.0
    mig: bool = False
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Boards in the order in which the process sees them, each once; `hidden_by` says why there are none."""

    boards: tuple[Board, ...]
    note: str | None = None
    hidden_by: str | None = None


def visible(boards: Sequence[Board], environ: Mapping[str, str]) -> Selection:
    """Return the boards that CUDA shows to a process with these variables.

    CUDA's own rules: unset shows all and empty none; integers, `GPU-…` and `MIG-…` (the beginning of a UUID suffices where it
    is unique); the first entry that names nothing hides itself and all that follow. PyTorch's reading of the runtime adds:
    an integer is read as `strtoul` would, one list holds one sort of entry, and naming a device twice shows none.
    """
    mounted = _mounted(boards, environ.get("NVIDIA_VISIBLE_DEVICES"))
    if boards and not mounted:
        return Selection(boards=(), hidden_by="NVIDIA_VISIBLE_DEVICES=none")
    listed = environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return Selection(boards=mounted)
    entries = [entry.strip() for entry in listed.split(",")]
    prefix = next((prefix for prefix in ("GPU-", "MIG-") if entries[0].startswith(prefix)), None)
    if prefix is not None:
        return _selection(_by_uuid(mounted, entries, prefix), listed)
    ordered, certain = _cuda_order(mounted, environ.get("CUDA_DEVICE_ORDER"))
    chosen = _by_number(ordered, entries)
    certain = certain or len(chosen) == len(mounted)
    return _selection(chosen, listed, note=None if certain else _GUESS)


def named(boards: Sequence[Board], devices: Sequence[str]) -> Selection:
    """Return the boards that a user named; raise LookupError for the first name that fits none or several."""
    if "all" in devices:
        return Selection(boards=tuple(boards))
    chosen: list[Board] = []
    for device in devices:
        fitting = [board for board in boards if _answers_to(board, device)]
        if len(fitting) != 1:
            raise LookupError(device)
        chosen += fitting
    return Selection(boards=_once(chosen))


def _answers_to(board: Board, device: str) -> bool:
    if not device:
        return False
    if device.isdecimal():
        return board.index == int(device)
    if device.startswith("MIG-"):
        return _has_instance(board, device)
    return board.uuid.startswith(device) or pci_address(board.bus_id) == pci_address(device)


def pci_address(bus_id: str) -> str:
    """Return a PCI address as the kernel writes it (`0000:3b:00.0`): NVML gives the domain eight digits, in capitals."""
    domain, _, rest = bus_id.lower().partition(":")
    return f"{domain[-4:] if domain.startswith('0000') else domain}:{rest}"


def _has_instance(board: Board, entry: str) -> bool:
    if entry.startswith("MIG-GPU-"):  # before driver 470: MIG-<UUID of the board>/<GPU instance>/<compute instance>
        return board.mig and board.uuid == entry.removeprefix("MIG-").partition("/")[0]
    return any(instance.startswith(entry) for instance in board.instances)


def _by_uuid(boards: Sequence[Board], entries: Sequence[str], prefix: str) -> list[Board]:
    chosen: list[Board] = []
    seen: set[str] = set()
    for entry in entries:
        found = _named_by(boards, entry) if entry.startswith(prefix) else []
        if len(found) != 1:
            break
        board, identity = found[0]
        if identity in seen:
            return []
        seen.add(identity)
        chosen.append(board)
    return chosen


def _named_by(boards: Sequence[Board], entry: str) -> list[tuple[Board, str]]:
    """Return what the entry may mean, each with what makes it one device: a board's UUID, or an instance's."""
    if entry.startswith("GPU-"):
        return [(board, board.uuid) for board in boards if board.uuid.startswith(entry)]
    if entry.startswith("MIG-GPU-"):
        return [(board, entry) for board in boards if _has_instance(board, entry)]
    return [(board, instance) for board in boards for instance in board.instances if instance.startswith(entry)]


def _by_number(boards: Sequence[Board], entries: Sequence[str]) -> list[Board]:
    chosen: list[int] = []
    for entry in entries:
        digits = re.match(r"[+-]?[0-9]+", entry)
        number = int(digits[0]) if digits else -1
        if number in chosen:
            return []
        if not 0 <= number < len(boards):
            break
        chosen.append(number)
    return [boards[number] for number in chosen]


def _cuda_order(boards: Sequence[Board], order: str | None) -> tuple[Sequence[Board], bool]:
    """Return the boards as CUDA counts them, and whether that is certain.

    FASTEST_FIRST, the default, puts the fastest first by a rule that NVIDIA does not publish; equal boards stay in PCI order.
    """
    if order == "PCI_BUS_ID" or len({board.name for board in boards}) <= 1:
        return boards, True
    return sorted(boards, key=lambda board: (-board.speed, board.index)), False


def _mounted(boards: Sequence[Board], listed: str | None) -> tuple[Board, ...]:
    """Apply NVIDIA_VISIBLE_DEVICES where the container shows more than it asks for, as a privileged one does.

    `void` and empty say that the runtime stays out of it. Indices count the host's GPUs, so that they mean something only
    while all of those are here.
    """
    if listed is None or listed in {"", "void", "all"}:
        return tuple(boards)
    if listed == "none":
        return ()
    entries = {entry.strip() for entry in listed.split(",")}
    if len(boards) <= len(entries):
        return tuple(boards)
    asked = tuple(board for board in boards if any(_mounts(entry, board) for entry in entries))
    return asked or tuple(boards)


def _mounts(entry: str, board: Board) -> bool:
    number = entry.partition(":")[0]  # 0:1 is the second MIG instance of the first board
    if number.isdecimal():
        return board.index == int(number)
    return _answers_to(board, entry)


def _selection(chosen: Sequence[Board], listed: str, *, note: str | None = None) -> Selection:
    return Selection(boards=_once(chosen), note=note, hidden_by=None if chosen else f"CUDA_VISIBLE_DEVICES={listed!r}")


def _once(boards: Sequence[Board]) -> tuple[Board, ...]:
    """Count a board once, however many of its MIG instances are named."""
    return tuple({board.uuid: board for board in boards}.values())
