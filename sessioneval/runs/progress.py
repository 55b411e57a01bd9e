"""What a run has done so far, for a progress display and for its result."""

from collections import Counter
from dataclasses import dataclass, field

from sessioneval.model.evaluation import Evaluation, Usage
from sessioneval.runs.deciding import Decision


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Counts of a run at one moment; all but `n_sessions` count evaluations.

    Attributes:
        n_sessions: Sessions that the selection admits.
        planned: Evaluations to make, skips not counted.
        done: Planned evaluations that are decided.
        evaluated, failed, skipped, reused: Decisions so far.
        labels: (evaluator, label) to count, of the evaluations made by this run.
        failures: (evaluator, error class) to count.
        skip_reasons: Reason to count.
        usage: Tokens of this run.
        is_stopping: Whether the run was asked to stop and finishes what is in flight.
    """

    n_sessions: int = 0
    planned: int = 0
    done: int = 0
    evaluated: int = 0
    failed: int = 0
    skipped: int = 0
    reused: int = 0
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    skip_reasons: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)
    is_stopping: bool = False


class Tally:
    """The counts of a run under way."""

    def __init__(self, n_sessions: int, planned: int, reused: int) -> None:
        self._sessions = n_sessions
        self._planned = planned
        self._reused = reused
        self._done = 0
        self._by_status: Counter[str] = Counter()
        self._labels: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._skip_reasons: Counter[str] = Counter()
        self._usage = Usage()

    def finish(self, decision: Decision) -> None:
        """Count the decision about a planned pair."""
        self._done += 1
        if decision.origin == "carried":
            self._reused += 1
        else:
            self.add(decision.evaluation)

    def add(self, evaluation: Evaluation) -> None:
        """Count one decision."""
        self._by_status[evaluation.status] += 1
        self._usage += evaluation.usage
        if evaluation.status == "evaluated":
            self._labels[evaluation.name, evaluation.label or ""] += 1
        elif evaluation.status == "failed":
            self._failures[evaluation.name, evaluation.reason or ""] += 1
        else:
            self._skip_reasons[evaluation.reason or ""] += 1

    def skip(self, reasons: Counter[str]) -> None:
        """Count skips that stand from earlier runs."""
        self._by_status["skipped"] += reasons.total()
        self._skip_reasons += reasons

    def progress(self, *, is_stopping: bool = False) -> Progress:
        """Return the counts so far."""
        return Progress(
            n_sessions=self._sessions,
            planned=self._planned,
            done=self._done,
            evaluated=self._by_status["evaluated"],
            failed=self._by_status["failed"],
            skipped=self._by_status["skipped"],
            reused=self._reused,
            labels=Counter(self._labels),
            failures=Counter(self._failures),
            skip_reasons=Counter(self._skip_reasons),
            usage=self._usage,
            is_stopping=is_stopping,
        )
