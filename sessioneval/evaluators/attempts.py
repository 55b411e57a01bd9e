"""Trying again: the one layer that retries a call, around a channel that makes single attempts."""

import asyncio
import email.utils
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sessioneval.errors import JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.channel import Channel, JudgeCall
from sessioneval.evaluators.judge_answer import Completion

Pause = Callable[[float], Awaitable[None]]

_FIRST_WAIT_SECONDS = 0.5
_MAX_WAIT_SECONDS = 8.0
# A server that asks for more than this is not waited for.
_MAX_RETRY_AFTER_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class LiveCompletion(Completion):
    """A completion with what its response said beside the body.

    Attributes:
        headers: Of the response.
    """

    headers: Mapping[str, str]


class AttemptFailed(JudgeUnavailable):
    """One attempt of a call failed in a way that another one may not.

    Args:
        text: What happened, as the start of a sentence.
        status: HTTP status; 0 when there was no answer.
        retry_after_seconds: The wait that the server asks for; None when it does not ask.
    """

    def __init__(self, text: str, status: int = 0, retry_after_seconds: float | None = None) -> None:
        super().__init__(text, status, retry_after_seconds)
        self.status = status
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return str(self.args[0])


class Rejected(JudgeRefused):
    """An endpoint rejected a call for good.

    Args:
        text: What happened.
        status: HTTP status.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text, status)
        self.status = status

    def __str__(self) -> str:
        return str(self.args[0])


class Retrying:
    """A channel that makes up to ``endpoint.max_retries`` further attempts, each after a pause.

    The pause is what the server asks for by ``retry-after-ms`` or ``Retry-After``, up to two minutes, or else
    doubles from half a second to eight with up to a quarter taken off at random, as the openai client does.

    Args:
        inner: Makes one attempt a call and raises `AttemptFailed` when another one may help.
        pause: Waits; a run gives the place of a waiting call to another one meanwhile.
    """

    def __init__(self, inner: Channel, pause: Pause = asyncio.sleep) -> None:
        self._inner = inner
        self._pause = pause

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the first answer; the cause of an error is that of the last attempt.

        Raises:
            JudgeUnavailable: No attempt was answered, or the server asks for a longer wait than is reasonable.
            JudgeRefused: The endpoint rejects the call for good.
            JudgeError: As the inner channel raises.
        """
        attempt = 1
        while True:
            try:
                return await self._inner.complete(call)
            except Rejected as rejection:
                raise JudgeRefused(str(rejection)) from rejection
            except AttemptFailed as failure:
                if attempt > call.endpoint.max_retries or _asks_too_much(failure):
                    raise JudgeUnavailable(_told(failure, attempt)) from failure
                wait_seconds = wait_before(attempt, failure.retry_after_seconds)
            await self._pause(wait_seconds)
            attempt += 1

    async def aclose(self) -> None:
        """Close the inner channel."""
        await self._inner.aclose()


def wait_before(attempt: int, retry_after_seconds: float | None) -> float:
    """Return the pause after the `attempt`-th attempt (from 1) in seconds.

    Example:
        >>> wait_before(1, 2.5), 0.375 <= wait_before(1, None) <= 0.5, 6.0 <= wait_before(20, None) <= 8.0
        (2.5, True, True)
    """
    if retry_after_seconds:
        return retry_after_seconds
    doubled = min(_FIRST_WAIT_SECONDS * 2.0 ** min(attempt - 1, 10), _MAX_WAIT_SECONDS)
    return doubled * random.uniform(0.75, 1.0)  # noqa: S311 - spreads retries, guards no secret


def retry_after(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Return the wait that a server asks for in seconds, from ``retry-after-ms`` or ``Retry-After``; None if it does not.

    Source: RFC 9110 section 10.2.3 (seconds or a date); ``retry-after-ms`` is OpenAI's.

    Example:
        >>> retry_after({"retry-after-ms": "250", "retry-after": "1"}), retry_after({"retry-after": "soon"})
        (0.25, None)
    """
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(headers.get(name)) / divisor
        if seconds >= 0:
            return seconds
    return _seconds_until(headers.get("retry-after"), now)


def _number(text: str | None) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _seconds_until(date: str | None, now: Callable[[], float]) -> float | None:
    try:
        moment = email.utils.parsedate_to_datetime(date or "")
        return max(0.0, moment.timestamp() - now())
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _asks_too_much(failure: AttemptFailed) -> bool:
    return (failure.retry_after_seconds or 0.0) > _MAX_RETRY_AFTER_SECONDS


def _told(failure: AttemptFailed, attempts: int) -> str:
    asked = f"; it asks to wait {failure.retry_after_seconds:.0f} s" if _asks_too_much(failure) else ""
    return f"{failure} ({attempts} attempt{'s' if attempts > 1 else ''}{asked})"
