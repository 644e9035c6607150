"""The text that the demo learns: Python's own standard library, which is on every machine that runs this."""

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ALPHABET = "\n" + "".join(chr(code) for code in range(32, 127))
UNKNOWN = len(ALPHABET)
SYMBOLS = len(ALPHABET) + 1


@dataclass(frozen=True, slots=True)
class Corpus:
    """Symbols to learn from, and others, of other files, to be judged by."""

    training: "NDArray[np.uint8]"
    validation: "NDArray[np.uint8]"
    files: int


def read(*, symbols: int = 2_000_000, folder: Path | None = None) -> Corpus:
    """Return the first `symbols` symbols of the standard library's modules in order of name, one file in ten for validation."""
    training: list[NDArray[np.uint8]] = []
    validation: list[NDArray[np.uint8]] = []
    taken = files = 0
    for path in sorted((folder or Path(sysconfig.get_paths()["stdlib"])).glob("*.py")):
        encoded = encode(path.read_text(encoding="utf-8", errors="replace"))[: symbols - taken]
        (validation if files % 10 == 9 else training).append(encoded)
        taken += len(encoded)
        files += 1
        if taken >= symbols:
            break
    if not training or not validation:
        raise FileNotFoundError("the standard library's source text is not on this machine")
    return Corpus(_joined(training), _joined(validation), files)


def encode(text: str) -> "NDArray[np.uint8]":
    """Return the text as indices into ALPHABET; what is not in it becomes UNKNOWN."""
    import numpy as np

    indices = np.full(256, UNKNOWN, np.uint8)
    indices[np.frombuffer(ALPHABET.encode("ascii"), np.uint8)] = np.arange(len(ALPHABET), dtype=np.uint8)
    return indices[np.frombuffer(text.encode("latin-1", errors="replace"), np.uint8)]


def _joined(parts: "list[NDArray[np.uint8]]") -> "NDArray[np.uint8]":
    import numpy as np

    return np.concatenate(parts)
