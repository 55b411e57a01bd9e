"""What the judges of a session are billed: input tokens at full price, as multiples of one prompt's tokens (T).

Run `python -m benchmarks.billing --sessions 100 --transcript-kb 8 32 128`. The stand-in bills a cached token at 0.1 and
a written one at 1.25 (`sessioneval.testing.billing`). Four judges that share nothing are billed 4.0 T.
"""

import argparse
import random
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow as pa

from sessioneval.evaluators.judge import Judge
from sessioneval.model import columns as c
from sessioneval.model.schemas import SPANS
from sessioneval.model.transcript import Transcript
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.evaluating import evaluate
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.prompt_cache import Regime
from sessioneval.testing.server import StandIn

JUDGES = ("coherence", "correctness", "frustration", "goal_completion")
_MESSAGE_CHARS = 1_000
_START = datetime(2026, 11, 1, tzinfo=UTC)
_WORDS = ["account", "balance", "please", "transfer", "the", "a", "when", "invoice", "check", "again", "thanks", "late"]
# What a user would choose for such a provider.
_OPTION: dict[Regime, Any] = {"none": "none", "automatic": "key", "breakpoint": "breakpoint"}


def write(path: Path, n_sessions: int, n_chars: int, seed: int = 7) -> Store:
    """Write sessions of about `n_chars` characters of conversation, one span each."""
    randomness = random.Random(seed)
    store = Store(path)
    store.append_spans(pa.Table.from_pylist([_span(randomness, n, n_chars) for n in range(n_sessions)], schema=SPANS))
    return store


def _span(randomness: random.Random, number: int, n_chars: int) -> dict[str, Any]:
    said = []
    for index in range(max(2, n_chars // _MESSAGE_CHARS)):
        text = " ".join(randomness.choices(_WORDS, k=_MESSAGE_CHARS // 4))[:_MESSAGE_CHARS]
        said.append({"message.role": "assistant" if index % 2 else "user", "message.content": text})
    start = _START + timedelta(minutes=number)
    return {
        c.TRACE_ID: f"{number:032x}",
        c.SPAN_ID: f"{number + 1:016x}",
        c.SESSION_ID: f"session-{number:07}",
        c.NAME: "chat",
        c.SPAN_KIND: "LLM",
        c.START_TIME: start,
        c.END_TIME: start + timedelta(seconds=3),
        c.STATUS_CODE: "OK",
        c.INPUT_MESSAGES: said[:-1],
        c.OUTPUT_MESSAGES: said[-1:],
    }


def billed(store: Store, regime: Regime, latency_seconds: float, judges: tuple[str, ...] = JUDGES) -> list[float]:
    """Return what each session's judges are billed for input, in T."""
    with StandIn(Faults(latency_seconds=latency_seconds), prompt_cache=regime, answerer="first-label") as server:
        options = {"model": "stand-in", "base_url": server.base_url, "prompt_cache": _OPTION[regime]}
        progress = evaluate(store, list(judges), **options).progress
        if progress.failed or not progress.evaluated:
            raise SystemExit(f"{progress.failed} of {progress.done} evaluations failed")
        return [bill["billed_input_tokens"] * bill["calls"] / bill["prompt_tokens"] for bill in server.bills.values()]


def shared(transcript: Transcript, judges: tuple[str, ...] = JUDGES) -> float:
    """Return the share of a session's longest prompt, in characters, that all its judges' prompts begin with."""
    made = [Judge(name, model="m", base_url="http://localhost:1/v1", prompt_cache="none") for name in judges]
    prompts = ["".join(message["content"] for message in judge.messages(transcript)) for judge in made]
    same = (len(set(characters)) == 1 for characters in zip(*prompts, strict=False))
    return sum(takewhile(bool, same)) / max(map(len, prompts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.2, help="of a call in seconds; sessions begin together")
    parser.add_argument("--transcript-kb", type=int, nargs="+", default=[8, 32, 128])
    options = parser.parse_args()
    print("transcript  prefix shared   billed input, in T: none, automatic, breakpoint (mean; the largest)")
    for kilobytes in options.transcript_kb:
        with tempfile.TemporaryDirectory() as folder:
            store = write(Path(folder) / "traces", options.sessions, 1_000 * kilobytes)
            share = shared(next(iter(read_transcripts(list_sessions(store)))))
            bills = [billed_in_a_copy(store, regime, Path(folder), options.latency) for regime in _OPTION]
        shown = "   ".join(f"{mean(bill):.2f} ({max(bill):.2f})" for bill in bills)
        print(f"{kilobytes:>7} kB {share:>13.1%}   {shown}", flush=True)


def billed_in_a_copy(store: Store, regime: Regime, folder: Path, latency_seconds: float) -> list[float]:
    """Return `billed` of the store's spans, judged anew."""
    other = folder / regime
    other.mkdir()
    (other / "spans").symlink_to(Path(store.path).resolve() / "spans")
    return billed(Store(other), regime, latency_seconds)


if __name__ == "__main__":
    main()
