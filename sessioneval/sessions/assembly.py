"""From the spans of one session to its transcript."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sessioneval.model.message import Message, ToolCall
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript
from sessioneval.semconv.cut_json import CUT
from sessioneval.sessions.duplicate_calls import ShownCalls
from sessioneval.sessions.lanes import Entry, Lane, fold, main_lane
from sessioneval.sessions.loss import Accounts, Reason, SessionFaults, loss_report
from sessioneval.sessions.model_calls import ModelCall, is_group_chat, model_call, with_lost_questions
from sessioneval.sessions.plain_turns import plain_turns
from sessioneval.sessions.side_calls import SideCalls, find_side_calls
from sessioneval.sessions.span_view import SpanView
from sessioneval.sessions.tool_results import ToolJoin, join_tools
from sessioneval.sessions.utterances import said_by_tool, texts_in

# Kinds of span whose model calls are no part of the talk.
_SIDE_KINDS = ("GUARDRAIL", "EVALUATOR", "EMBEDDING", "RERANKER", "RETRIEVER")
_ENTRY_KINDS = ("AGENT", "CHAIN", "LLM")


def assemble(session: Session, spans: Sequence[SpanView], faults: SessionFaults | None = None) -> Transcript:
    """Return the transcript of a session.

    Args:
        session: What grouping found out about it.
        spans: All its spans, as `span_views` returns them.
        faults: Conflicts and clock skew that grouping counted.
    """
    accounts = Accounts(spans)
    calls = _talking_calls(spans, accounts)
    executions = _tool_spans(spans, accounts)
    speaking = executions if is_group_chat(calls, executions) else []
    side = find_side_calls(calls)
    lanes = fold(_without(side, calls, accounts), speaking, side.summaries)
    main = main_lane(lanes)
    entries = _with_other_turns(main, lanes, plain_turns(spans), accounts)
    entries, tools = join_tools(entries, [] if speaking else executions)
    entries = _with_orphan_results(entries, tools)
    messages = _messages(entries, tools)
    accounts.use_messages(messages, entries, tools)
    return Transcript(
        session=session,
        messages=tuple(messages),
        loss=loss_report(accounts, messages, lanes, tools, faults or SessionFaults()),
    )


def _without(side: SideCalls, calls: Sequence[ModelCall], accounts: Accounts) -> list[ModelCall]:
    for call in calls:
        if id(call.span) in side.spans:
            accounts.ignore(call.span, "side_call")
    return [call for call in calls if id(call.span) not in side.spans]


def _talking_calls(spans: Iterable[SpanView], accounts: Accounts) -> list[ModelCall]:
    """Return the model calls that may be part of the talk; the others are noted with the reason."""
    calls = []
    shown = ShownCalls()
    for span in spans:
        if span.kind == "LLM" and span.has_messages:
            reason = _why_beside(span, accounts, shown)
            if reason is None:
                calls.append(model_call(span))
            else:
                accounts.ignore(span, reason)
    return with_lost_questions(calls)


def _why_beside(span: SpanView, accounts: Accounts, shown: ShownCalls) -> Reason | None:
    """Return why a model call is no part of the talk: it is shown by another span, nested, or made for a check."""
    if _is_shown_inside(span, accounts) or _is_shown_around(span) or shown.shows(span):
        return "duplicate_call"
    if span.inside("TOOL"):
        return "nested_agent"
    return "side_call" if span.inside(*_SIDE_KINDS) else None


def _is_shown_inside(span: SpanView, accounts: Accounts) -> bool:
    """Return whether a span inside shows the same call, and not less of it."""
    inner = [child for child in accounts.children(span) if child.kind == "LLM" and child.has_messages]
    return any(child.outputs for child in inner) or (bool(inner) and not span.outputs)


def _is_shown_around(span: SpanView) -> bool:
    """Return whether the span above shows the answer of this call, which this one lost: a stream that was not closed."""
    above = span.parent
    return above is not None and above.kind == "LLM" and bool(above.outputs) and not span.outputs


def _tool_spans(spans: Iterable[SpanView], accounts: Accounts) -> list[SpanView]:
    tools = [span for span in spans if span.kind == "TOOL"]
    for span in tools:
        if span.inside("TOOL"):
            accounts.ignore(span, "nested_agent")
    return [span for span in tools if not span.inside("TOOL")]


def _with_other_turns(
    main: Lane | None, lanes: Sequence[Lane], plain: Sequence[Sequence[Entry]], accounts: Accounts
) -> list[Entry]:
    """Return the main talk with the turns that stand beside it: traces with plain text, or without memory."""
    entries = list(main.entries) if main else []
    main_traces = {call.trace_id for call in main.calls} if main else set()
    blocks = [block for block in plain if not _was_retried(block, lanes, accounts)]
    for lane in (lane for lane in lanes if lane is not main):
        if _is_nested(lane, main):
            for call in lane.calls:
                accounts.ignore(call, "nested_agent")
        elif _is_turn_of_its_own(lane, main, main_traces):
            blocks.append(lane.entries)
        else:
            for call in lane.calls:
                accounts.ignore(call, "side_call")
    for block in sorted(blocks, key=lambda block: block[0].at_ns if block else 0):
        entries = _inserted(entries, block)
    return entries


def _was_retried(block: Sequence[Entry], lanes: Sequence[Lane], accounts: Accounts) -> bool:
    """Return whether a turn failed before any answer and its question was asked again next."""
    turn = block[-1].said
    if turn.role != "user" or not turn.call.is_error:
        return False
    later = [entry for lane in lanes for entry in lane.talk() if entry.at_ns > block[-1].at_ns]
    again = min((entry for entry in later if entry.said.role == "user"), key=lambda entry: entry.at_ns, default=None)
    if again is None or again.said.key != turn.key:
        return False
    accounts.ignore(turn.call, "failed_call")
    return True


def _is_nested(lane: Lane, main: Lane | None) -> bool:
    """Return whether a lane is the work of an agent that the main talk calls as a tool, in a trace of its own.

    Its question is an argument of a call of the main talk, or its answer is the result of one.
    """
    said = [entry.said for entry in main.talk()] if main else []
    asked = next((entry.said.text.strip() for entry in lane.talk() if entry.said.role == "user"), "")
    answered = next((entry.said.text.strip() for entry in reversed(lane.talk())), "")
    arguments = (text for item in said for call in item.calls for text in texts_in(call.arguments))
    results = (item.text.strip() for item in said if item.role == "tool")
    return bool(asked and answered) and (asked in arguments or answered in results)


def _is_turn_of_its_own(lane: Lane, main: Lane | None, main_traces: set[str]) -> bool:
    """Return whether a lane is a turn of an app without memory, not a call made for another turn.

    Such a turn has a trace of its own, begins with a user message, and does not quote the main talk.
    """
    if any(call.trace_id in main_traces for call in lane.calls):
        return False
    quoted = {entry.said.text.strip() for entry in (main.talk() if main else ())} - {""}
    asked = [entry.said.text for entry in lane.talk() if entry.said.role == "user"]
    return bool(asked) and not any(text in question for question in asked for text in quoted)


def _inserted(entries: list[Entry], block: Sequence[Entry]) -> list[Entry]:
    if not block:
        return entries
    position = next((i for i, entry in enumerate(entries) if entry.at_ns > block[0].at_ns), len(entries))
    return [*entries[:position], *block, *entries[position:]]


def _with_orphan_results(entries: list[Entry], tools: ToolJoin) -> list[Entry]:
    """Show TOOL spans that no call asked for, but only in a talk without tool calls of its own.

    Beside recorded calls an unmatched TOOL span is the framework's own doing (a hand-off, say).
    """
    if any(entry.said.calls or entry.said.role == "tool" for entry in entries) or not entries:
        return entries
    for span in tools.unmatched:
        if span.output_value is None:
            continue
        result = Entry(said=said_by_tool(span), at_ns=span.start_ns)
        tools.span_of_result[id(result)] = span
        entries = _inserted(entries, [result])
    return entries


def _messages(entries: Sequence[Entry], tools: ToolJoin) -> list[Message]:
    messages = []
    turn = -1
    for entry in entries:
        turn += entry.said.role == "user"
        messages.append(_message(entry, max(turn, 0), tools))
    return messages


def _message(entry: Entry, turn: int, tools: ToolJoin) -> Message:
    said = entry.said
    question = tools.call_of_result.get(id(entry))
    execution = tools.span_of_result.get(id(entry))
    return Message(
        role=said.role,
        content=_whole(said.text, execution),
        turn=turn,
        name=said.name or (question.call.name if question else None),
        tool_calls=tuple(_call(entry, position, call, tools) for position, call in enumerate(said.calls)),
        tool_call_id=said.call_id or (question.call.id or None if question else None),
        span_id=_span_id(entry, execution),
        agent=said.call.nearest_agent() if said.role == "assistant" else None,
        is_error=bool(execution and execution.is_error),
    )


def _whole(text: str, execution: SpanView | None) -> str:
    """Return the text; that of a tool result which a limit cut is taken from the tool's own span."""
    result = execution.output_value if execution else None
    return result if result and text.endswith(CUT) and result.startswith(text.removesuffix(CUT)) else text


def _call(entry: Entry, position: int, call: ToolCall, tools: ToolJoin) -> ToolCall:
    span = tools.span_of_call.get((id(entry), position))
    return replace(call, is_error=True) if span and span.is_error else call


def _span_id(entry: Entry, execution: SpanView | None) -> str | None:
    """Return the span that produced or received a message; None where it is only quoted as history."""
    said = entry.said
    if said.role == "system" or (said.role == "assistant" and not said.is_output):
        return None
    if execution is not None:
        return execution.span_id
    return _entry_span(said.call).span_id if said.role == "user" else said.call.span_id


def _entry_span(call: SpanView) -> SpanView:
    """Return the outermost span that took the user's message in: the turn's AGENT or CHAIN, else the call itself."""
    return next((span for span in reversed(call.ancestors) if span.kind in _ENTRY_KINDS), call)
