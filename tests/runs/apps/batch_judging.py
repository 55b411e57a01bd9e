"""Judges a store through batches and kills itself after a number of looks at the provider."""

import os
import signal
import sys
from datetime import timedelta

from sessioneval.runs.batch.mode import BatchMode
from sessioneval.runs.evaluating import evaluate

if __name__ == "__main__":
    store, base_url, n_looks = sys.argv[1], sys.argv[2], int(sys.argv[3])
    looks = []

    def look(progress):
        """Die at the right look."""
        looks.append(progress)
        if len(looks) == n_looks:
            os.kill(os.getpid(), signal.SIGKILL)

    batch = BatchMode(poll=timedelta(0), on_progress=look)
    evaluate(store, sys.argv[4:], model="stand-in", base_url=base_url, batch=batch)
