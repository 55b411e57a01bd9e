"""LLM spans that stand for a model call which another LLM span stands for too."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sessioneval.model import columns as c

Row = Mapping[str, Any]


def repeats(calls: Sequence[Row], spans: Sequence[Row]) -> set[int]:
    """Return the `id` of each row that repeats a call.

    Of an LLM span inside another, the inner one repeats, or the outer one where only the inner has token counts.
    Of two that overlap and have one response id, or of which another instrumentation's lies wholly within the
    other's time and has the same token counts, the later one repeats.

    Args:
        calls: LLM spans in order of start, as rows of the spans table with moments for times.
        spans: All spans of the session.
    """
    nested = set(_nested(calls, spans))
    rest = [call for call in calls if id(call) not in nested]
    return nested | set(_shown_twice(rest))


def _nested(calls: Sequence[Row], spans: Sequence[Row]) -> Iterator[int]:
    by_id = {(row[c.TRACE_ID], row[c.SPAN_ID]): row for row in spans}
    for call in calls:
        around = _call_around(call, by_id)
        if around is not None:
            yield id(around) if _has_tokens(call) and not _has_tokens(around) else id(call)


def _call_around(call: Row, by_id: Mapping[tuple[str, str], Row]) -> Row | None:
    """Return the nearest LLM span above a call; a cycle of parents ends the search."""
    seen = {id(call)}
    above = by_id.get((call[c.TRACE_ID], call[c.PARENT_ID]))
    while above is not None and id(above) not in seen:
        if above[c.SPAN_KIND] in ("LLM", "TOOL", "AGENT"):
            return above if above[c.SPAN_KIND] == "LLM" else None
        seen.add(id(above))
        above = by_id.get((above[c.TRACE_ID], above[c.PARENT_ID]))
    return None


def _shown_twice(calls: Sequence[Row]) -> Iterator[int]:
    """Yield the calls that an earlier one shows; each shows one call of another instrumentation at most."""
    under_way: list[Row] = []
    for call in calls:
        under_way = [other for other in under_way if other[c.END_TIME] > call[c.START_TIME]]
        twin = next((other for other in under_way if _has_one_id(other, call) or _is_within(call, other)), None)
        if twin is None:
            under_way.append(call)
        else:
            under_way.remove(twin)
            yield id(call)


def _has_one_id(one: Row, other: Row) -> bool:
    return bool(one[c.RESPONSE_ID]) and one[c.RESPONSE_ID] == other[c.RESPONSE_ID]


def _is_within(inner: Row, outer: Row) -> bool:
    """Return whether the inner span is what another instrumentation saw of the outer one's call."""
    if inner[c.SCOPE_NAME] == outer[c.SCOPE_NAME] or inner[c.END_TIME] > outer[c.END_TIME]:
        return False
    counts = [(row[c.PROMPT_TOKENS], row[c.COMPLETION_TOKENS]) for row in (inner, outer)]
    return counts[0] == counts[1] and None not in counts[0]


def _has_tokens(call: Row) -> bool:
    return call[c.PROMPT_TOKENS] is not None or call[c.COMPLETION_TOKENS] is not None
