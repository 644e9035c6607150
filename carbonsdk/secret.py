"""Values that must not show, and texts without them."""

import re
from typing import Any, Self
from urllib.parse import quote

_HIDDEN: dict[str, None] = {}
_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#\"'<>]{1,1000}@")
_SHORTEST_HIDDEN = 6  # hiding every "a" would hide the message


def without_secrets(text: str) -> str:
    """Return a text without the secrets that this process knows, nor a name and password in an address.

    A plugin's exception may hold them.
    """
    for value in tuple(_HIDDEN):
        if value in text:
            text = text.replace(value, "…")
    return _CREDENTIALS.sub("…@", text) if "://" in text else text


class Secret:
    """A value that never shows itself: not in `repr`, `str`, a log, a pickle or an exception."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _SHORTEST_HIDDEN:
            _HIDDEN[value] = None
            _HIDDEN[quote(value, safe="")] = None  # as it stands in an address

    def reveal(self) -> str:
        """Return the value, to be handed to the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self
