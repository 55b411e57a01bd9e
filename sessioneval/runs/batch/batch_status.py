"""Where a batch stands at its provider."""

import re
from dataclasses import dataclass
from typing import Any

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_NO_ROOM = "token_limit_exceeded"
_LIMIT = re.compile(r"Limit: ([\d,]{1,20})")
_MAX_SHOWN_CHARS = 500
_MAX_COUNT = 1 << 40


@dataclass(frozen=True, kw_only=True)
class BatchStatus:
    """Where a batch stands at the provider.

    Attributes:
        status: The provider's word.
        n_done, n_total: Requests that ended, in whatever way, and all.
        result_file_ids: Files of answers and of errors; empty while there are none.
        problem: Why the provider rejected the whole batch; empty if it did not.
        is_without_room: Whether it did because too many tokens wait in all batches together.
    """

    status: str
    n_done: int = 0
    n_total: int = 0
    result_file_ids: tuple[str, ...] = ()
    problem: str = ""
    is_without_room: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in _ENDED

    @property
    def lacks_results(self) -> bool:
        """Whether there are answers, and no file has them (yet)."""
        return self.has_ended and self.n_done > 0 and not self.result_file_ids

    @property
    def token_limit(self) -> int | None:
        """How many tokens may wait at once, where the provider names it.

        Source: OpenAI's words: "Enqueued token limit reached for MODEL in organization ORG. Limit: 90,000 enqueued
        tokens. Please try again once some in_progress batches have been completed."
        """
        found = _LIMIT.search(self.problem)
        digits = found[1].replace(",", "") if found else ""
        return int(digits) if digits else None


def read_status(batch: dict[str, Any]) -> BatchStatus:
    """Return what a batch object of the API says; what is malformed in it is left out.

    Example:
        >>> read_status({"status": "completed", "output_file_id": "file-1", "request_counts": None}).result_file_ids
        ('file-1',)
    """
    counts = batch.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    problems = _problems(batch.get("errors"))
    files = (batch.get("output_file_id"), batch.get("error_file_id"))
    return BatchStatus(
        status=str(batch.get("status"))[:_MAX_SHOWN_CHARS],
        n_done=_count(counts.get("completed")) + _count(counts.get("failed")),
        n_total=_count(counts.get("total")),
        result_file_ids=tuple(file_id for file_id in files if isinstance(file_id, str) and file_id),
        problem="; ".join(str(problem.get("message") or "") for problem in problems)[:_MAX_SHOWN_CHARS],
        is_without_room=any(problem.get("code") == _NO_ROOM for problem in problems),
    )


def _problems(errors: Any) -> list[dict[str, Any]]:
    listed = errors.get("data") if isinstance(errors, dict) else None
    return [problem for problem in listed if isinstance(problem, dict)] if isinstance(listed, list) else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_COUNT else 0
