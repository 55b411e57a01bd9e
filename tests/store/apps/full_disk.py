"""Publishes a table although no file may grow beyond a few bytes, and prints the error's class."""

import resource
import sys
from pathlib import Path

import pyarrow as pa

from sessioneval.store.publication import publish

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        publish(pa.table({"text": [f"line {n}" for n in range(10_000)]}), Path(sys.argv[1]))
    except OSError as error:
        print(type(error).__name__)  # noqa: T201 - read by the test
    # Whatever else is written at exit (the coverage of this run, say) is not what is tested.
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
