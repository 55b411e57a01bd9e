"""A channel that gives up on an endpoint that only fails, so that a long list is not burnt on it."""

from dataclasses import dataclass

from sessioneval.errors import JudgeError, JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.attempts import Rejected
from sessioneval.evaluators.channel import Channel, JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import Completion

_MIN_CALLS = 5
_MIN_ATTEMPTS = 20
# Rejections that have nothing to do with the single call: key, payment, permission, address or model, quota.
_HOPELESS_STATUS = frozenset({401, 402, 403, 404, 429})


@dataclass(kw_only=True)
class _Record:
    """How the calls of one model at one endpoint went of late."""

    n_failed_in_a_row: int = 0
    verdict: str = ""


class BreakerChannel:
    """Makes no further call to a model at an endpoint of which so many calls in a row failed.

    Five, and at least 20 attempts with their retries. Rejections that concern the single call, such as a
    transcript that is too long, and answers that cannot be used do not count.

    Args:
        inner: Makes the calls, retries included.
    """

    def __init__(self, inner: Channel) -> None:
        self._inner = inner
        self._records: dict[tuple[Endpoint, str], _Record] = {}

    @property
    def verdicts(self) -> tuple[str, ...]:
        """A sentence for each model that was given up."""
        return tuple(record.verdict for record in self._records.values() if record.verdict)

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the answer of the channel inside.

        Raises:
            JudgeUnavailable: The endpoint was given up; nothing was sent.
            JudgeError: As the channel inside raises.
        """
        record = self._records.setdefault((call.endpoint, call.model), _Record())
        if record.verdict:
            raise JudgeUnavailable(record.verdict)
        try:
            completion = await self._inner.complete(call)
        except (JudgeRefused, JudgeUnavailable) as error:
            self._count(record, call, error)
            raise
        record.n_failed_in_a_row = 0
        return completion

    async def aclose(self) -> None:
        """Close the channel inside."""
        await self._inner.aclose()

    def _count(self, record: _Record, call: JudgeCall, error: JudgeError) -> None:
        if not _is_hopeless(error):
            return
        record.n_failed_in_a_row += 1
        if record.n_failed_in_a_row >= _calls_to_give_up(call.endpoint, error) and not record.verdict:
            record.verdict = (
                f"not asked: {call.endpoint.shown} was given up for model {call.model!r} after "
                f"{record.n_failed_in_a_row} failed calls in a row, the last one: {error}"
            )


def _is_hopeless(error: JudgeError) -> bool:
    cause = error.__cause__
    return not isinstance(cause, Rejected) or cause.status in _HOPELESS_STATUS


def _calls_to_give_up(endpoint: Endpoint, error: JudgeError) -> int:
    if isinstance(error, JudgeRefused):
        return _MIN_CALLS
    return max(_MIN_CALLS, _MIN_ATTEMPTS // (endpoint.max_retries + 1))
