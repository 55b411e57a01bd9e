"""Signals of tool calls that go round in circles."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from sessioneval.evaluators.signals.executions import Execution, executions
from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import shown
from sessioneval.model.transcript import Transcript

_LONGEST_CYCLE = 20
_LOOP_ROUNDS = 3


class Cycle(NamedTuple):
    """Calls that are made over and over: where the first round begins, how many calls a round has, how many rounds."""

    start: int
    length: int
    rounds: int


@signal({"not_repeated": 1.0, "repeated": 0.0}, fields=("n_calls", "n_repeated", "n_consecutive", "tools"))
def repeated_tool_call(transcript: Transcript) -> Decided | None:
    """``repeated`` when a call is made again in the same turn: same tool, equal arguments; else ``not_repeated``.

    A call that failed may be made again: only repeats of a call that did not fail count. `n_consecutive` counts
    those that come right after the call they repeat. Does not apply without tool calls.
    """
    calls = _calls(transcript)
    if not calls:
        return None
    done: set[Hashable] = set()
    repeats, n_consecutive = [], 0
    for before, call in zip([None, *calls], calls, strict=False):
        if (call.turn, call.key) in done:
            repeats.append(call)
            n_consecutive += before is not None and before.key == call.key
        elif not call.is_error:
            done.add((call.turn, call.key))
    counts = {"n_calls": len(calls), "n_repeated": len(repeats), "n_consecutive": n_consecutive}
    tools = sorted({call.name for call in repeats})
    if not repeats:
        return decided("not_repeated", "No call is made twice in a turn.", **counts, tools=tools)
    text = f"Calls made again at messages {shown(call.asked_at for call in repeats)}."
    return decided("repeated", text, **counts, tools=tools)


@signal({"no_loop": 1.0, "loop": 0.0}, fields=("n_rounds", "cycle_length", "tools"))
def tool_loop(transcript: Transcript) -> Decided | None:
    """``loop`` when the same 1 to 20 calls are made 3 times or more in a row within a turn; else ``no_loop``.

    Calls are the same when tool and arguments are, failed or not. `n_rounds` and `cycle_length` describe the loop
    with the most calls. Does not apply without tool calls.
    """
    calls = _calls(transcript)
    if not calls:
        return None
    turns = [list(turn) for _, turn in groupby(calls, key=lambda call: call.turn)]
    loops = [(turn, cycle) for turn in turns if (cycle := longest_cycle([call.key for call in turn])) is not None]
    if not loops:
        return decided("no_loop", "No calls go round.", n_rounds=0, cycle_length=0, tools=[])
    turn, cycle = max(loops, key=lambda found: found[1].length * found[1].rounds)
    members = turn[cycle.start : cycle.start + cycle.length]
    text = f"From message [{members[0].asked_at}] on, {cycle.length} calls are made {cycle.rounds} times in a row."
    tools = [call.name for call in members]
    return decided("loop", text, n_rounds=cycle.rounds, cycle_length=cycle.length, tools=tools)


def _calls(transcript: Transcript) -> list[Execution]:
    return [execution for execution in executions(transcript.messages) if execution.is_call]


def longest_cycle(keys: Sequence[Hashable]) -> Cycle | None:
    """Return the cycle of at least 3 rounds with the most calls, the shortest of those; None if there is none.

    Example:
        >>> longest_cycle("xababab")
        Cycle(start=1, length=2, rounds=3)
        >>> longest_cycle("abab") is None
        True
    """
    found = [
        cycle
        for length in range(1, min(_LONGEST_CYCLE, len(keys) // _LOOP_ROUNDS) + 1)
        for cycle in _cycles(keys, length)
    ]
    return max(found, key=lambda cycle: (cycle.length * cycle.rounds, -cycle.length), default=None)


def _cycles(keys: Sequence[Hashable], length: int) -> Iterable[Cycle]:
    """Yield the cycles of one length: runs of keys that equal the key one round before."""
    same = [keys[place] == keys[place - length] for place in range(length, len(keys))]
    place = 0
    for is_same, run in groupby(same):
        n_same = len(list(run))
        rounds = n_same // length + 1
        if is_same and rounds >= _LOOP_ROUNDS:
            yield Cycle(start=place, length=length, rounds=rounds)
        place += n_same
