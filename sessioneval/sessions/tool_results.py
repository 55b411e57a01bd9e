"""Joining tool calls, their results in later history, and the TOOL spans of their execution."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sessioneval.model.message import ToolCall
from sessioneval.sessions.lanes import Entry
from sessioneval.sessions.span_view import SpanView
from sessioneval.sessions.utterances import Utterance, canonical, parsed_arguments, readable


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One tool call of the talk: the entry that asks, and which of its calls it is."""

    entry: Entry
    position: int

    @property
    def call(self) -> ToolCall:
        """The call."""
        return self.entry.said.calls[self.position]


@dataclass(kw_only=True, eq=False)
class ToolJoin:
    """What belongs together.

    Attributes:
        span_of_call: Execution span by (id of the asking entry, position).
        span_of_result: Execution span by id of the result's entry.
        call_of_result: The call that a result answers, by id of the result's entry.
        unmatched: TOOL spans that no call of the talk asked for.
    """

    span_of_call: dict[tuple[int, int], SpanView]
    span_of_result: dict[int, SpanView]
    call_of_result: dict[int, Asked]
    unmatched: list[SpanView]


def join_tools(entries: Sequence[Entry], tool_spans: Sequence[SpanView]) -> tuple[list[Entry], ToolJoin]:
    """Return the entries with results that stand only on TOOL spans added after their calls, and the join.

    Calls and spans are matched by call id, else by name and arguments, else by name, each span once and
    in time order; results without an id by their order after the call.
    """
    asked = [Asked(entry=entry, position=position) for entry in entries for position, _ in enumerate(entry.said.calls)]
    spans, unmatched = _match_spans(asked, tool_spans)
    answers = _match_results(entries, asked)
    completed = _with_missing_results(entries, spans, answers)
    joined = ToolJoin(span_of_call=spans, span_of_result={}, call_of_result=answers, unmatched=unmatched)
    for result, question in answers.items():
        span = spans.get((id(question.entry), question.position))
        if span is not None:
            joined.span_of_result[result] = span
    return completed, joined


def _match_spans(
    asked: Sequence[Asked], tool_spans: Sequence[SpanView]
) -> tuple[dict[tuple[int, int], SpanView], list[SpanView]]:
    matched: dict[tuple[int, int], SpanView] = {}
    free = list(tool_spans)
    for fits in (_same_id, _same_arguments, _same_name):
        free = [span for span in free if not _claim(span, asked, matched, fits)]
    return matched, free


def _claim(
    span: SpanView,
    asked: Iterable[Asked],
    matched: dict[tuple[int, int], SpanView],
    fits: Callable[[SpanView, ToolCall], bool],
) -> bool:
    for question in asked:
        key = (id(question.entry), question.position)
        if key not in matched and fits(span, question.call):
            matched[key] = span
            return True
    return False


def _same_id(span: SpanView, call: ToolCall) -> bool:
    return bool(call.id) and span.tool_call_id == call.id


def _tool_name(span: SpanView) -> str:
    return span.tool_name or span.name


def _same_arguments(span: SpanView, call: ToolCall) -> bool:
    if _tool_name(span) != call.name or _ids_differ(span, call):
        return False
    wanted = canonical(call.arguments)
    return any(canonical(parsed_arguments(text)) == wanted for text in (span.input_value, span.tool_parameters) if text)


def _same_name(span: SpanView, call: ToolCall) -> bool:
    return _tool_name(span) == call.name and not _ids_differ(span, call)


def _ids_differ(span: SpanView, call: ToolCall) -> bool:
    return bool(span.tool_call_id and call.id and span.tool_call_id != call.id)


def _match_results(entries: Sequence[Entry], asked: Sequence[Asked]) -> dict[int, Asked]:
    """Return the call that each tool result answers: by id, else the next unanswered call before it."""
    position = {id(entry): index for index, entry in enumerate(entries)}
    open_calls = list(asked)
    answers: dict[int, Asked] = {}
    for entry in (entry for entry in entries if entry.said.role == "tool"):
        before = [question for question in open_calls if position[id(question.entry)] < position[id(entry)]]
        question = _answered_by(entry.said, before) or _asked_just_before(entries, position[id(entry)], before)
        if question is not None:
            answers[id(entry)] = question
            open_calls.remove(question)
    return answers


def _asked_just_before(entries: Sequence[Entry], at: int, candidates: Sequence[Asked]) -> Asked | None:
    """Return the first open call of the message that the results stand right after.

    Two instrumentations may write two ids of one call (the Responses API has two), so an unknown id is no id.
    """
    asking = next((entry for entry in reversed(entries[:at]) if entry.said.role != "tool"), None)
    known = {call.id for entry in entries for call in entry.said.calls}
    if entries[at].said.call_id in known:
        return None
    return next((question for question in candidates if question.entry is asking), None)


def _answered_by(result: Utterance, candidates: Sequence[Asked]) -> Asked | None:
    if result.call_id and any(question.call.id for question in candidates):
        # Ids may repeat in a long session; the newest call with it is meant.
        return next((question for question in reversed(candidates) if question.call.id == result.call_id), None)
    named = [question for question in candidates if result.name in (None, question.call.name)]
    return named[0] if named else None


def _with_missing_results(
    entries: Sequence[Entry], spans: dict[tuple[int, int], SpanView], answers: dict[int, Asked]
) -> list[Entry]:
    answered = {(id(question.entry), question.position) for question in answers.values()}
    completed: list[Entry] = []
    pending: list[Entry] = []
    for entry in entries:
        if entry.said.role != "tool" and pending:
            completed += pending
            pending = []
        completed.append(entry)
        for position, call in enumerate(entry.said.calls):
            span = spans.get((id(entry), position))
            if span is not None and span.output_value is not None and (id(entry), position) not in answered:
                result = _result_entry(entry, call, span)
                answers[id(result)] = Asked(entry=entry, position=position)
                pending.append(result)
    return completed + pending


def _result_entry(entry: Entry, call: ToolCall, span: SpanView) -> Entry:
    said = replace(
        entry.said,
        role="tool",
        text=readable(span.output_value),
        name=call.name,
        calls=(),
        call_id=call.id or None,
        is_output=False,
    )
    return Entry(said=said, at_ns=entry.at_ns)
