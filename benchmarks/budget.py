"""A run under a budget: how far above its cap it ends, and what a run after it asks again.

Run `python -m benchmarks.budget --sessions 200 --concurrency 16`.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import billing
from sessioneval.runs.evaluating import evaluate
from sessioneval.runs.prices import Price, Prices
from sessioneval.runs.run import RunResult
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

_PRICES = Prices(table={"stand-in": Price(input=1.0, cached=0.1, output=8.0)})
_TRANSCRIPT_CHARS = 8_000


def judge(store: Store, server: StandIn, concurrency: int, **options: Any) -> RunResult:
    """Judge a store by four judges at known prices."""
    return evaluate(
        store,
        list(billing.JUDGES),
        model="stand-in",
        base_url=server.base_url,
        concurrency=concurrency,
        prices=_PRICES,
        **options,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, StandIn(Faults(latency_seconds=0.2)) as server:
        store = billing.write(Path(folder) / "traces", options.sessions, _TRANSCRIPT_CHARS)
        one = judge(billing.write(Path(folder) / "one", 1, _TRANSCRIPT_CHARS, seed=8), server, 1)
        call_usd = max(row.cost_usd or 0.0 for row in one.evaluations)
        server.reset()
        cap_usd = options.sessions * call_usd
        first = judge(store, server, options.concurrency, budget_usd=cap_usd)
        over = (first.spent_usd - cap_usd) / call_usd
        print(
            f"cap {cap_usd:.4f} USD, spent {first.spent_usd:.4f}: {over:.1f} calls above, {options.concurrency} allowed"
        )
        print(
            f"over budget: {first.is_over_budget}; {first.progress.evaluated} evaluated, {first.progress.skipped} left"
        )
        last = judge(store, server, options.concurrency)
        answers = server.evaluations
        twice = sum(answers.values()) - len(answers)
        print(f"next run: {last.progress.evaluated} new, {last.progress.reused} reused, {twice} asked twice")


if __name__ == "__main__":
    main()
