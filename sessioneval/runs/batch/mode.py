"""How a batch run is made, waited for and told of; loads nothing that talks to a provider."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sessioneval.errors import InputError
from sessioneval.runs.batch.request_files import FileLimits
from sessioneval.runs.budget import Budget

DEFAULT_POLL = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class BatchProgress:
    """How far the batches of a round are.

    Attributes:
        n_batches, n_collected: All batches, and those that ended.
        n_requests, n_done: All requests, and those that ended.
        n_waiting: Batches that the provider has no room for yet.
    """

    n_batches: int
    n_collected: int
    n_requests: int
    n_done: int
    n_waiting: int = 0


@dataclass(frozen=True, kw_only=True)
class BatchMode:
    """How batches are made and waited for.

    Attributes:
        poll: How long to wait between two looks at the provider.
        limits: Of a request file.
        on_progress: Called after each look.
    """

    poll: timedelta = DEFAULT_POLL
    limits: FileLimits = field(default_factory=FileLimits)
    on_progress: Callable[[BatchProgress], object] = lambda _: None

    def check(self, budget: Budget, service_tier: str) -> None:
        """Refuse what does not go with batches.

        Raises:
            InputError: There is a budget: a batch is paid for as a whole, so nothing can be stopped in its middle.
                Or a service tier: a batch is one itself.
        """
        if budget.is_limited:
            raise InputError("a budget cannot stop a batch in its middle; estimate the run first (--dry-run)")
        if service_tier != "standard":
            raise InputError(f"service tier {service_tier!r} does not go with a batch, which has half the price itself")
