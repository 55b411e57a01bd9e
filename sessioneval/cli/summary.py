"""What an evaluation run ended with: shares of labels, scores, failures, counts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from sessioneval.analysis.current import current_rows
from sessioneval.analysis.medians import ScoreMedian, score_medians
from sessioneval.analysis.proportions import LabelShare, label_shares
from sessioneval.cli.cells import percent_text
from sessioneval.cli.output import Answer, table
from sessioneval.evaluators.base import Evaluator
from sessioneval.model.evaluation import Evaluation
from sessioneval.runs.progress import Progress
from sessioneval.runs.run import RunResult

_COLUMNS = ("evaluator", "status", "label", "reason", "n", "of", "share", "median", "low", "high", "example", "error")
_ERROR_CHARS = 300
# Explanations and evidence of a large store would not fit in memory.
_READ = ["session_id", "name", "identifier", "status", "label", "score", "vote_of"]

Rows = Sequence[Mapping[str, Any]]


def summarised(result: RunResult, evaluators: Sequence[Evaluator], session_ids: Collection[str]) -> Answer:
    """Return the answer of a run: what now stands for these sessions, and what failed in this run.

    Args:
        result: The run.
        evaluators: Its evaluators; evaluations of other fingerprints do not count.
        session_ids: The sessions that were asked for.
    """
    rows = _standing(result, evaluators, frozenset(session_ids))
    shares = label_shares(rows, {evaluator.name: evaluator.labels for evaluator in evaluators})
    medians = score_medians(rows)
    failures = _failures(result.failures)
    records = [*_share_records(shares), *_median_records(medians), *failures]
    return Answer(
        columns=_COLUMNS,
        records=records,
        whole={"run_id": result.run_id, **counts(result.progress), "results": records},
        blocks=lambda: _blocks(shares, medians, failures, result.progress),
    )


def counts(progress: Progress) -> dict[str, Any]:
    """Return the counts of a run; `evaluations` is the sum of new, reused, failed and skipped ones."""
    kinds = {
        "new": progress.evaluated,
        "reused": progress.reused,
        "failed": progress.failed,
        "skipped": progress.skipped,
    }
    return {
        "sessions": progress.n_sessions,
        "evaluations": sum(kinds.values()),
        **kinds,
        "skipped_by_reason": dict(progress.skip_reasons),
        "usage": asdict(progress.usage),
    }


def counts_line(progress: Progress) -> str:
    """Return the counts of a run as one line.

    Example:
        >>> counts_line(Progress(n_sessions=2, evaluated=3, reused=1))
        '2 sessions, 4 evaluations: 3 new, 1 reused, 0 failed, 0 skipped'
    """
    counted = counts(progress)
    kinds = ", ".join(f"{counted[kind]} {kind}" for kind in ("new", "reused", "failed", "skipped"))
    reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(progress.skip_reasons.items()))
    line = f"{counted['sessions']} sessions, {counted['evaluations']} evaluations: {kinds}"
    return f"{line} ({reasons})" if reasons else line


def _standing(result: RunResult, evaluators: Sequence[Evaluator], session_ids: frozenset[str]) -> Rows:
    identifiers = {evaluator.name: evaluator.identifier for evaluator in evaluators}
    rows = result.store.evaluations().select(_READ)
    return [
        row
        for row in current_rows(rows, identifiers)
        if row["name"] in identifiers and row["session_id"] in session_ids
    ]


def _share_records(shares: Sequence[LabelShare]) -> Iterator[dict[str, Any]]:
    for one in shares:
        yield {"evaluator": one.name, "status": "evaluated", **_without_name(asdict(one))}


def _median_records(medians: Sequence[ScoreMedian]) -> Iterator[dict[str, Any]]:
    for one in medians:
        yield {"evaluator": one.name, "status": "evaluated", **_without_name(asdict(one))}


def _without_name(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "name"}


def _failures(failures: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """Return one record for each evaluator and error class, with its first session as the example."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for failure in failures:
        record = found.setdefault(
            (failure.name, failure.reason or ""),
            {
                "evaluator": failure.name,
                "status": "failed",
                "reason": failure.reason,
                "n": 0,
                "example": failure.session_id,
                "error": failure.error,
            },
        )
        record["n"] += 1
    return sorted(found.values(), key=lambda record: (record["evaluator"], -record["n"]))


def _blocks(
    shares: Sequence[LabelShare], medians: Sequence[ScoreMedian], failures: Rows, progress: Progress
) -> Iterator[str | Table]:
    for made in (_share_table(shares), _median_table(medians), _failure_table(failures)):
        if made.row_count:
            yield made
            yield ""
    yield counts_line(progress)


def _share_table(shares: Sequence[LabelShare]) -> Table:
    columns = {"evaluator": "left", "label": "left", "n": "right", "share [95 % interval]": "left"}
    return table(columns, ((s.name, s.label, f"{s.n} of {s.of}", percent_text(s.share, s.low, s.high)) for s in shares))


def _median_table(medians: Sequence[ScoreMedian]) -> Table:
    columns = {"evaluator": "left", "n": "right", "median score [95 % interval]": "left"}
    return table(columns, ((m.name, str(m.n), _median_text(m)) for m in medians))


def _median_text(one: ScoreMedian) -> str:
    interval = "from 6 sessions on" if one.low is None else f"{one.low:g}, {one.high:g}"
    return f"{one.median:g} [{interval}]"


def _failure_table(failures: Rows) -> Table:
    columns = {"evaluator": "left", "failed with": "left", "n": "right", "for example": "left"}
    return table(columns, (_failure_cells(failure) for failure in failures))


def _failure_cells(failure: Mapping[str, Any]) -> tuple[str, str, str, str]:
    example = f"{failure['example']}: {failure['error']}"
    return failure["evaluator"], failure["reason"] or "", str(failure["n"]), example[:_ERROR_CHARS]
