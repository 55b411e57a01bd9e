"""Tool calls that a framework leaves out of the history, which then shows their results alone.

smolagents keeps no call of a step in which a tool failed: it tells the error, and the text beside the call if any.
"""

from collections.abc import Iterator, Sequence

from sessioneval.sessions.utterances import Utterance


def has_lone_result(sent: Sequence[Utterance]) -> bool:
    """Return whether a tool result stands in the history without a call that asks for it."""
    return any(_are_unasked(sent))


def with_left_out_calls(sent: Sequence[Utterance], known: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """Return what was sent, with the calls that are known to stand before results that nothing in it asks for.

    Args:
        sent: The input of a model call.
        known: The talk that it may continue.
    """
    unasked = [index for index, is_unasked in enumerate(_are_unasked(sent)) if is_unasked]
    found: list[Utterance] = []
    for index, said in enumerate(sent):
        there = _asking_at(len(found), known, found)
        if there is not None and index in unasked:
            found += [there, said]
        elif there is not None and index + 1 in unasked and _is_its_text(said, there):
            found.append(there)
        else:
            found.append(said)
    return tuple(found)


def _are_unasked(sent: Sequence[Utterance]) -> Iterator[bool]:
    """Yield for each message whether it is a result beyond those that the answer before it asks for.

    Results at the front answer what an earlier call said.
    """
    front = next((index for index, said in enumerate(sent) if said.role != "tool"), len(sent))
    n_open = 0
    for index, said in enumerate(sent):
        is_result = said.role == "tool"
        yield is_result and index > front and n_open <= 0
        n_open = n_open - 1 if is_result else len(said.calls)


def _asking_at(position: int, known: Sequence[Utterance], found: Sequence[Utterance]) -> Utterance | None:
    """Return the known message at a position if it asks for tools and all before it was sent again."""
    there = known[position] if position < len(known) else None
    if there is None or not there.calls or any(a.key != b.key for a, b in zip(found, known, strict=False)):
        return None
    return there


def _is_its_text(said: Utterance, there: Utterance) -> bool:
    return said.role == "assistant" and said.text.strip() == there.text.strip()
