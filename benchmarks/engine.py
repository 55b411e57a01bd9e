"""The engine against ideal, the bare openai client and phoenix.evals, on one endpoint that waits 200 ms.

Run `python -m benchmarks.engine --seconds 15 --phoenix-python VENV/bin/python`. Quote ratios: they hold on a machine
that others use too, times do not. Ideal is concurrency / latency.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.engine_run import JUDGES
from benchmarks.engine_store import write

_LATENCY_SECONDS = 0.2
# What a run may reach at most on one core, to choose how many sessions keep it busy for the asked time.
_MOST_PER_SECOND = 1_500


@contextmanager
def endpoint() -> Iterator[str]:
    """Yield the address of the constant endpoint, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine_server", "--latency", str(_LATENCY_SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        finally:
            server.terminate()


def run_of(store: Path, url: str, concurrency: int, *more: str) -> dict[str, Any]:
    """Return what `engine_run` measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.engine_run", str(store), "--url", url, "--concurrency"]
    done = subprocess.run([*command, str(concurrency), *more], check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def client_of(
    name: str, url: str, concurrency: int, seconds: float, python: str = sys.executable
) -> tuple[float, float]:
    """Return calls a second and CPU milliseconds a call of a client in a process of its own."""
    path = str(Path(__file__).with_name("engine_client.py"))
    command = [python, path, name, "--url", url, "--concurrency", str(concurrency), "--seconds", str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    per_second, cpu = map(float, done.stdout.split()[-2:])
    return per_second, 1_000 * cpu


def fresh_run(url: str, concurrency: int, seconds: float) -> dict[str, Any]:
    """Run the engine over a new store of the size that keeps it busy for the asked time."""
    per_second = min(concurrency / _LATENCY_SECONDS, _MOST_PER_SECOND)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), int(seconds * per_second / len(JUDGES)))
        return run_of(Path(folder), url, concurrency)


def phoenix_rate(url: str, python: str | None, seconds: float) -> float | str:
    """Return evaluations a second of phoenix.evals at concurrency 100, or why it was not measured."""
    if python is None:
        return "not measured: give --phoenix-python"
    try:
        return client_of("phoenix", url, 100, seconds, python)[0]
    except subprocess.CalledProcessError as error:
        return f"not measured: {error.stderr.strip().splitlines()[-1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each run, about")
    parser.add_argument("--runs", type=int, default=3, help="medians of so many")
    parser.add_argument("--sessions", type=int, default=100_000, help="of the store whose first evaluation is timed")
    parser.add_argument("--phoenix-python", help="an interpreter that has arize-phoenix-evals")
    options = parser.parse_args()
    with endpoint() as url:
        ours = {}
        for concurrency in (10, 100, 1_000):
            runs = [fresh_run(url, concurrency, options.seconds) for _ in range(options.runs)]
            ours[concurrency] = statistics.median(run["per_second"] for run in runs)
            client_cpu = statistics.median(client_of("ours", url, concurrency, 3)[1] for _ in range(options.runs))
            cpu = statistics.median(run["cpu_ms"] for run in runs)
            print(
                f"engine at {concurrency:>5}: {ours[concurrency]:7.1f}/s, "
                f"{ours[concurrency] * _LATENCY_SECONDS / concurrency:6.1%} of ideal; CPU {cpu:.2f} ms an evaluation, "
                f"{cpu - client_cpu:.2f} ms on top of the client's {client_cpu:.2f}",
                flush=True,
            )
        bare = statistics.median(client_of("openai", url, 1_000, 5)[0] for _ in range(options.runs))
        print(f"bare openai client at 1,000: {bare:.1f}/s; the engine makes {ours[1_000] / bare:.2f} times as many")
        rate = phoenix_rate(url, options.phoenix_python, 4 * options.seconds)
        told = rate if isinstance(rate, str) else f"{rate:.1f}/s; the engine makes {ours[100] / rate:.1f} times as many"
        print(f"phoenix.evals at 100: {told}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), options.sessions)
            first = run_of(Path(folder), url, 16, "--first-only")
        print(
            f"first evaluation of {options.sessions:,} sessions ended {first['first_seconds']:.2f} s after process start"
        )


if __name__ == "__main__":
    main()
