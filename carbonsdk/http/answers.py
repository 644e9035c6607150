"""What an answer that is not the wanted one means, in words that hold no secret."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from carbonsdk.errors import BadAnswer, RateLimited, ServiceError, ServiceUnavailable, Unauthorized

_MOST_TEXT = 200
_LONGEST_WAIT_S = 86_400.0


def refusal(host: str, status: int, body: bytes, *, headers: Mapping[str, str], secrets: Sequence[str]) -> ServiceError:
    """Return the error that an answer with a status other than 2xx stands for."""
    said = told(body, secrets)
    text = f"{host} answered {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        return BadAnswer(f"{host} answered {status}: a redirect, which is not followed")
    if status in {401, 403}:
        return Unauthorized(f"{text} (check the token, and that it is for this zone)")
    if status == 429:
        return RateLimited(text, retry_after_s(headers.get("Retry-After", ""), datetime.now(UTC)))
    if status >= 500 or status == 408:
        return ServiceUnavailable(text)
    return BadAnswer(text)


def retry_after_s(header: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, given in seconds or as an HTTP date; at most a day."""
    from email.utils import parsedate_to_datetime

    try:
        wait_s = float(header)
    except ValueError:
        try:
            then = parsedate_to_datetime(header)
        except ValueError:
            return None
        wait_s = (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds()
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S) if math.isfinite(wait_s) else None


def decoded(host: str, body: bytes) -> Any:
    """Return the JSON in an answer; raise BadAnswer for anything else, NaN included."""
    if not body.strip():
        raise BadAnswer(f"{host} gave an empty answer")
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        pass
    # Raised outside the handler: the JSON error carries the whole document.
    raise BadAnswer(f"{host} gave {'a web page' if _is_html(body) else 'something that is not JSON'} instead of JSON")


def told(body: bytes, secrets: Sequence[str]) -> str:
    """Return what an error answer says for itself: one short line, without markup and without any secret."""
    if _is_html(body):
        return ""
    text = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        text = _message(json.loads(text)) or ""
    for secret in secrets:
        text = text.replace(secret, "…")
    return re.sub(r"[\x00-\x20\x7f-\x9f]+", " ", text).strip()[:_MOST_TEXT]


def _message(answer: Any) -> str | None:
    """Return the text under `error` or `message`, also where the one holds the other."""
    match answer:
        case str():
            return answer
        case {"error": (dict() | str()) as inner} | {"message": (dict() | str()) as inner}:
            return _message(inner)
        case {"detail": str(text)}:
            return text
    return None


def _is_html(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"


def _no_number(name: str) -> Any:
    raise ValueError(name)
