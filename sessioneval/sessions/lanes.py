"""Folding model calls into conversations: each lane is one talk, its re-sent history removed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sessioneval.semconv.cut_json import CUT
from sessioneval.sessions.alignment import Alignment, align
from sessioneval.sessions.left_out_calls import has_lone_result, with_left_out_calls
from sessioneval.sessions.model_calls import TURN_KINDS, Known, ModelCall, has_several_agents, returned_by
from sessioneval.sessions.span_view import SpanView
from sessioneval.sessions.utterances import Utterance, said_by_tool, system_prompt


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """An utterance in a lane and when the call that brought it began (Unix nanoseconds)."""

    said: Utterance
    at_ns: int


@dataclass(kw_only=True, eq=False)
class Lane:
    """A conversation under construction.

    Attributes:
        entries: What was said, each once, in order; system prompts stand where they came into force.
        prompts: System prompts in force so far, in order of appearance.
        calls: The model calls folded in.
        resends: Whether a call sent the answer to an earlier question again; such an app keeps its memory.
        deduplicated, replaced: Messages dropped as re-sent, and as belonging to an abandoned branch.
        duplicates: Calls that another instrumentation had shown already.
    """

    entries: list[Entry] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    calls: list[SpanView] = field(default_factory=list)
    resends: bool = False
    deduplicated: int = 0
    replaced: int = 0
    duplicates: list[SpanView] = field(default_factory=list)

    def talk(self) -> list[Entry]:
        """Return the entries that later calls may send again: no system prompts, no empty answers."""
        return [entry for entry in self.entries if entry.said.role != "system" and not entry.said.is_blank]

    @property
    def prompt(self) -> str:
        """The system prompt in force at the last call."""
        return self.prompts[-1] if self.prompts else ""


def fold(calls: Sequence[ModelCall], tools: Sequence[SpanView] = (), summaries: Sequence[str] = ()) -> list[Lane]:
    """Fold model calls into lanes, in order of appearance.

    Args:
        calls: Model calls of the talk, in time order.
        tools: TOOL spans that speak in a talk of several agents, as a code runner does; elsewhere
            the results of tools are found by the calls that asked for them.
        summaries: Texts that stand for earlier history where a later prompt quotes them.
    """
    lanes: list[Lane] = []
    known = Known(several_agents=bool(tools) or has_several_agents(calls))
    by_span = {id(call.span): call for call in calls}
    for span in sorted([*(call.span for call in calls), *tools], key=lambda span: span.start_ns):
        if id(span) in by_span:
            _fold_call(lanes, by_span[id(span)].without_summary(summaries), known)
        else:
            _let_tool_speak(lanes, span, known)
    return lanes


def _fold_call(lanes: list[Lane], raw: ModelCall, known: Known) -> None:
    call = known.recognised(raw)
    lane, alignment = _place(lanes, call)
    if lane is None:
        lane = Lane()
        lanes.append(lane)
    _extend(lane, alignment, _with_calls_of(lane, call))
    known.add(call.answered)


def _let_tool_speak(lanes: Sequence[Lane], span: SpanView, known: Known) -> None:
    """Add a tool's output to the talk that its trace belongs to."""
    lane = next((lane for lane in lanes if any(call.trace_id == span.trace_id for call in lane.calls)), None)
    if lane is None or not span.output_value:
        return
    said = said_by_tool(span)
    lane.entries.append(Entry(said=said, at_ns=span.start_ns))
    known.add([said])


def _place(lanes: Sequence[Lane], call: ModelCall) -> tuple[Lane | None, Alignment | None]:
    """Return the lane that the call continues and how; (None, None) where it begins a talk of its own."""
    found = [(lane, alignment) for lane in lanes if (alignment := _continues(lane, call)) is not None]
    if found:
        return max(found, key=lambda pair: (pair[1].run, pair[0].resends))
    answering = [lane for lane in lanes if _answers(lane, call)]
    if answering:
        return answering[-1], None
    if call.has_summary and lanes:
        return main_lane(lanes), None
    if call.sends_answers:
        return None, None
    stateless = [lane for lane in lanes if lane.prompt == call.prompt and not lane.resends]
    return (stateless[-1], None) if stateless else (None, None)


def _answers(lane: Lane, call: ModelCall) -> bool:
    """Return whether the call sends nothing but the results that the lane's last message asked for."""
    asked = {one.id for one in lane.talk()[-1].said.calls} - {""} if lane.talk() else set()
    return bool(call.sent) and all(said.role == "tool" and said.call_id in asked for said in call.sent)


def _continues(lane: Lane, call: ModelCall) -> Alignment | None:
    known = [entry.said.key for entry in lane.talk()]
    alignment = align(known, _sent_keys(_with_calls_of(lane, call), lane))
    if alignment is None or alignment.known_end == len(known):
        return alignment
    # A second answer to the same question: a retry or a regenerated reply if the same agent gives it,
    # a call of another kind (guardrail, title) if the instructions differ.
    if lane.prompt != call.prompt:
        return None
    return None if _asks_again(lane, call, alignment) else alignment


def _with_calls_of(lane: Lane, call: ModelCall) -> ModelCall:
    if not has_lone_result(call.sent):
        return call
    return replace(call, sent=with_left_out_calls(call.sent, [entry.said for entry in lane.talk()]))


def _sent_keys(call: ModelCall, lane: Lane) -> list[object]:
    """Return the keys of what was sent; a last message that a limit cut is the one that stands there in the lane."""
    keys: list[object] = [said.key for said in call.sent]
    last = call.sent[-1] if call.span.has_cut_input and call.sent else None
    there = lane.talk()[len(keys) - 1 : len(keys)] if last is not None and last.text.endswith(CUT) else []
    for entry in there:
        if (
            last is not None
            and entry.said.role == last.role
            and entry.said.text.startswith(last.text.removesuffix(CUT))
        ):
            keys[-1] = entry.said.key
    return keys


def _asks_again(lane: Lane, call: ModelCall, alignment: Alignment) -> bool:
    """Return whether an app that sends no history was asked the same question in a new trace."""
    is_whole = not (call.sends_answers or call.span.has_cut_input)
    replays_all = alignment.new_start == len(call.sent) and is_whole
    return replays_all and not lane.resends and all(call.span.trace_id != other.trace_id for other in lane.calls)


def _extend(lane: Lane, alignment: Alignment | None, call: ModelCall) -> None:
    talk = lane.talk()
    known_end, new_start, run, _ = alignment or Alignment(len(talk), 0, 0)
    if call.span.has_cut_input and new_start == len(call.sent):
        # What followed was sent as well: it is missing, not taken back.
        known_end = len(talk)
    new = [*call.sent[new_start:], *([call.asked] if call.asked else ()), *call.answered]
    tail = [entry.said.key for entry in talk[known_end:]]
    same = _common(tail, [said.key for said in new])
    _note_prompt(lane, call, talk, known_end)
    if same < len(new):
        _cut(lane, talk, known_end + same)
        lane.entries += [Entry(said=said, at_ns=call.span.start_ns) for said in new[same:]]
    elif call.answered and same:
        lane.duplicates.append(call.span)
    lane.deduplicated += run
    lane.resends = lane.resends or (run > 0 and call.sends_history)
    lane.calls.append(call.span)


def _common(ours: Sequence[object], theirs: Sequence[object]) -> int:
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(ours), len(theirs)))


def _note_prompt(lane: Lane, call: ModelCall, talk: Sequence[Entry], known_end: int) -> None:
    """Put a system prompt where it came into force; one that was in force before is not repeated."""
    if not call.prompt:
        return
    if call.prompt not in lane.prompts:
        position = lane.entries.index(talk[known_end]) if known_end < len(talk) else len(lane.entries)
        said = system_prompt(call.prompt, call.span)
        lane.entries.insert(position, Entry(said=said, at_ns=call.span.start_ns))
    lane.prompts.append(call.prompt)


def _cut(lane: Lane, talk: Sequence[Entry], length: int) -> None:
    """Drop the abandoned branch: what followed the first `length` messages of the talk."""
    abandoned = set(map(id, talk[length:]))
    lane.entries = [entry for entry in lane.entries if id(entry) not in abandoned]
    lane.replaced += len(abandoned)


def main_lane(lanes: Sequence[Lane]) -> Lane | None:
    """Return the lane of the user-facing talk: the one whose history is re-sent, then the longest.

    Of equally long ones it is the one whose words the turns returned, then that with more different answers (a
    check says the same each time), then the first.
    """
    if len(lanes) <= 1:
        return next(iter(lanes), None)
    order = {id(lane): index for index, lane in enumerate(lanes)}
    return max(lanes, key=lambda lane: (lane.resends, len(lane.talk()), *_voice(lane), -order[id(lane)]))


def _voice(lane: Lane) -> tuple[bool, int]:
    """Return whether a turn returned an answer of the lane, and how many different answers it has."""
    answers = {entry.said.text.strip() for entry in lane.talk() if entry.said.role == "assistant"} - {""}
    turns = {id(span): span for call in lane.calls for span in call.ancestors if span.kind in TURN_KINDS}
    return any(returned_by(turn) in answers for turn in turns.values()), len(answers)
