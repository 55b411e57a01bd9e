"""Judges a store under a budget that it does not reach, and kills itself after a number of decisions."""

import os
import signal
import sys

from sessioneval.runs.evaluating import evaluate

if __name__ == "__main__":
    store, base_url, n_decisions = sys.argv[1], sys.argv[2], int(sys.argv[3])

    def count(progress):
        """Die in the middle of the run."""
        if progress.done >= n_decisions:
            os.kill(os.getpid(), signal.SIGKILL)

    options = {"concurrency": 16, "budget_tokens": 10**9, "on_progress": count}
    evaluate(store, sys.argv[4:], model="stand-in", base_url=base_url, **options)
