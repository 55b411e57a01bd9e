"""What the stand-in was asked, in numbers."""

import threading
from collections import Counter
from typing import Any

from sessioneval.testing.asked import Answered, Asked


class Counts:
    """Counts of requests, safe to read from another thread.

    One number is kept for each different request, and for each (session, evaluator) that was judged, but no request
    and no answer is. A session is known by its transcript, whatever the nonce of its fence.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._requests: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
        self._evaluations: Counter[tuple[str, str]] = Counter()
        self._repeated = self._asked_again = 0
        self._status: Counter[int] = Counter()
        self._kinds: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()
        self._in_flight = self._peak = 0

    def reset(self) -> None:
        """Forget everything, except what is in flight."""
        with self._lock:
            in_flight = self._in_flight
            self._clear()
            self._in_flight = self._peak = in_flight

    def began(self) -> None:
        """Count one request as in flight."""
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)

    def ended(self) -> None:
        """Count one request as no longer in flight."""
        with self._lock:
            self._in_flight -= 1

    def arrived(self, asked: Asked) -> int:
        """Count a request and return how often its like was sent by now, this time included."""
        identity = asked.identity
        with self._lock:
            self._requests[asked.fingerprint] += 1
            self._attempts[identity] += 1
            self._repeated += asked.fingerprint in self._finished
            self._asked_again += any(key in self._evaluations for key in _evaluations(asked))
            return self._attempts[identity]

    def finished(self, asked: Asked, answered: Answered) -> None:
        """Count a whole and unspoiled answer that was handed to the client's connection."""
        usage = answered.usage
        with self._lock:
            self._finished[asked.fingerprint] += 1
            self._evaluations.update(_evaluations(asked))
            self._kinds[answered.kind] += 1
            self._tokens["prompt"] += usage["prompt_tokens"]
            self._tokens["cached"] += usage["prompt_tokens_details"]["cached_tokens"]
            self._tokens["written"] += usage["prompt_tokens_details"].get("cache_write_tokens", 0)
            self._tokens["completion"] += usage["completion_tokens"]

    def faulted(self, fault: str) -> None:
        """Count a fault that was shown."""
        with self._lock:
            self._faults[fault] += 1

    def responded(self, status: int) -> None:
        """Count a response by its HTTP status."""
        with self._lock:
            self._status[status] += 1

    def evaluations(self) -> dict[tuple[str, str], int]:
        """Return how many answers each (session, evaluator) got."""
        with self._lock:
            return dict(self._evaluations)

    def to_dict(self) -> dict[str, Any]:
        """Return all counts.

        `requests` counts those that could be read, `different` the different ones, `finished` the whole
        answers, and `repeated` the requests that came although the same one was answered before. `evaluations` says
        the same by (session, evaluator): `asked_again` counts the requests for one that already had its answer.
        """
        with self._lock:
            return {
                "requests": self._requests.total(),
                "different": len(self._requests),
                "finished": self._finished.total(),
                "repeated": self._repeated,
                "peak_in_flight": self._peak,
                "by_status": {str(status): n for status, n in sorted(self._status.items())},
                "by_kind": dict(sorted(self._kinds.items())),
                "by_fault": dict(sorted(self._faults.items())),
                "tokens": {kind: self._tokens[kind] for kind in ("prompt", "cached", "written", "completion")},
                "evaluations": {
                    "finished": self._evaluations.total(),
                    "different": len(self._evaluations),
                    "asked_again": self._asked_again,
                },
            }


def _evaluations(asked: Asked) -> list[tuple[str, str]]:
    return [(asked.session, evaluator) for evaluator in asked.evaluators]
