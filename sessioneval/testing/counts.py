"""What the stand-in was asked, in numbers."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Counts:
    """Counts of requests, safe to read from another thread.

    One number is kept for each different request, and no request or answer is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._attempts: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
        self._repeated = 0
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

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Count one request as in flight while inside."""
        with self._lock:
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def arrived(self, fingerprint: str) -> int:
        """Count a request and return how often it was sent by now, this time included."""
        with self._lock:
            self._attempts[fingerprint] += 1
            self._repeated += fingerprint in self._finished
            return self._attempts[fingerprint]

    def finished(self, fingerprint: str, kind: str, usage: dict[str, Any]) -> None:
        """Count a whole and unspoiled answer that was handed to the client's connection."""
        with self._lock:
            self._finished[fingerprint] += 1
            self._kinds[kind] += 1
            self._tokens["prompt"] += usage["prompt_tokens"]
            self._tokens["cached"] += usage["prompt_tokens_details"]["cached_tokens"]
            self._tokens["completion"] += usage["completion_tokens"]

    def faulted(self, fault: str) -> None:
        """Count a fault that was shown."""
        with self._lock:
            self._faults[fault] += 1

    def responded(self, status: int) -> None:
        """Count a response by its HTTP status."""
        with self._lock:
            self._status[status] += 1

    def to_dict(self) -> dict[str, Any]:
        """Return all counts.

        `requests` counts those that could be read, `different` the different ones, `finished` the whole
        answers, and `repeated` the requests that came although the same one was answered before.
        """
        with self._lock:
            return {
                "requests": self._attempts.total(),
                "different": len(self._attempts),
                "finished": self._finished.total(),
                "repeated": self._repeated,
                "peak_in_flight": self._peak,
                "by_status": {str(status): n for status, n in sorted(self._status.items())},
                "by_kind": dict(sorted(self._kinds.items())),
                "by_fault": dict(sorted(self._faults.items())),
                "tokens": {kind: self._tokens[kind] for kind in ("prompt", "cached", "completion")},
            }
