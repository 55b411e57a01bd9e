"""What happens to batches: how many polls they take, which expire, which lose requests."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from sessioneval.errors import InputError

MAX_REQUESTS = 50_000
MAX_BYTES = 209_715_200


@dataclass(frozen=True, kw_only=True)
class BatchScript:
    """What happens to batches, counted from 1 in the order of their creation.

    Attributes:
        polls: The how-manieth look at a batch finds it ended. Until then it is validating, in progress, finalizing;
            so no test has to wait.
        expires: Batch to the number of its requests that are answered before it expires.
        fails: Batch to the number of its first requests that end in the error file instead of the output file.
        invalid: Batches that fail when they are validated, as if their file were broken.
        max_requests: More requests in a file fail its batch.
        max_bytes: A larger file fails its batch.
        enqueued_token_limit: More tokens waiting in all open batches together fail a batch; None for no limit.
    """

    polls: int = 3
    expires: Mapping[int, int] = field(default_factory=dict)
    fails: Mapping[int, int] = field(default_factory=dict)
    invalid: frozenset[int] = frozenset()
    max_requests: int = MAX_REQUESTS
    max_bytes: int = MAX_BYTES
    enqueued_token_limit: float | None = None

    def __post_init__(self) -> None:
        """Check all values.

        Raises:
            InputError: A number is below what it counts.
        """
        numbers = {"polls": self.polls, "max_requests": self.max_requests, "max_bytes": self.max_bytes}
        for name, number in numbers.items():
            if number < 1:
                raise InputError(f"{name} {number!r} is not allowed: use a number from 1")
        for name, by_batch in (("expires", self.expires), ("fails", self.fails)):
            if any(batch < 1 or count < 0 for batch, count in by_batch.items()):
                raise InputError(f"{name} {dict(by_batch)!r} is not allowed: map a batch, from 1, to a number from 0")

    def lifetime_requests(self, batch: int) -> float:
        """Return how many requests of a batch are answered before it expires."""
        return self.expires.get(batch, math.inf)
