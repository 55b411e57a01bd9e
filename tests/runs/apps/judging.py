"""Judges a store once; the test may kill it at any moment. Prints how many evaluations it made and reused."""

import sys

from sessioneval.runs.evaluating import evaluate

if __name__ == "__main__":
    store, base_url, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3])
    result = evaluate(store, sys.argv[4:], model="stand-in", base_url=base_url, concurrency=concurrency)
    print(result.progress.evaluated, result.progress.reused)  # noqa: T201 - read by the test
