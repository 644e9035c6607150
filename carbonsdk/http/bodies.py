"""The body of an answer, read and unpacked here: libraries unpack a thousand times as much as they were asked for."""

import zlib
from typing import TYPE_CHECKING

from carbonsdk.errors import BadAnswer

if TYPE_CHECKING:
    import requests

PACKED_BY = "gzip"
_PIECE_BYTES = 16_384
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def body_of(response: "requests.Response", *, host: str, most_bytes: int) -> bytes:
    """Return the body, or so much of a longer one that it has more than `most_bytes`."""
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in {"", "identity", PACKED_BY}:
        raise BadAnswer(f"{host} gave an answer that is packed as nobody asked for")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding == PACKED_BY else None
    body = bytearray()
    while len(body) <= most_bytes and (piece := response.raw.read(_PIECE_BYTES, decode_content=False)):
        body += piece if unpacker is None else unpacker.decompress(piece, most_bytes + 1 - len(body))
    return bytes(body)
