"""What a session's spans say beside the talk: tools on offer, model calls, and what the app says about the session.

A verdict that stands on a span (``session_eval.<name>.label``, ``session.evaluations.*``) is no context: a judge
that read it would agree with it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model import columns as c
from sessioneval.model.arrays import combined, numpy_of, starts_of
from sessioneval.model.context import ModelCall, SessionContext, ToolDefinition
from sessioneval.semconv import attributes as a
from sessioneval.semconv.fields import int64
from sessioneval.semconv.json_text import json_text, parsed
from sessioneval.sessions.repeated_calls import repeats
from sessioneval.sessions.tools_on_offer import tools_of

_PLAIN_COLUMNS = (
    c.TRACE_ID,
    c.SPAN_ID,
    c.PARENT_ID,
    c.SPAN_KIND,
    c.START_TIME,
    c.END_TIME,
    c.STATUS_CODE,
    c.MODEL_NAME,
    c.PROMPT_TOKENS,
    c.COMPLETION_TOKENS,
    c.RESPONSE_ID,
    c.SCOPE_NAME,
)
COLUMNS = (*_PLAIN_COLUMNS, c.TOOLS, c.ATTRIBUTES)
"""What `context_of` reads of the spans of a session."""

_TELLING = r'"session(_eval)?\.|cost"|cost\.'
"""Which JSON texts of attributes are worth parsing."""

_COSTS = (a.LLM_COST_TOTAL, a.GEN_AI_USAGE_COST)
_MOST_USD = 1e9  # a call that costs more is a mistake, and float() refuses integers of any size
_COST_PARTS = (a.LLM_COST_PROMPT, a.LLM_COST_COMPLETION)


def context_of(spans: pa.Table) -> SessionContext:
    """Return the context of one session.

    Args:
        spans: Its spans, each once, with `COLUMNS`, in any order.
    """
    rows = _ordered(spans)
    offered = _Offered.read(spans)
    calls = [row for row in rows if row[c.SPAN_KIND] == "LLM"]
    doubled = repeats(calls, rows)
    return SessionContext(
        tools=tuple(offered.fullest(row["row"] for row in rows)),
        model_calls=tuple(_model_call(row, offered.names(row["row"]), is_repeat=id(row) in doubled) for row in calls),
        attributes=_said_of_session(rows),
        shadows=_shadows(rows),
        times={row[c.SPAN_ID]: (row[c.START_TIME], row[c.END_TIME]) for row in reversed(rows)},
    )


def _ordered(spans: pa.Table) -> list[dict[str, Any]]:
    """Return the spans by (start, span id), times as moments, attributes parsed where they tell something."""
    plain = spans.select(_PLAIN_COLUMNS)
    for name in (c.START_TIME, c.END_TIME):
        plain = plain.set_column(plain.column_names.index(name), name, plain.column(name).cast(pa.int64()))
    rows = plain.to_pylist()
    attributes = _telling_attributes(combined(spans.column(c.ATTRIBUTES)))
    for number, row in enumerate(rows):
        start = row[c.START_TIME] or 0
        times = {c.START_TIME: _moment(start), c.END_TIME: _moment(max(row[c.END_TIME] or 0, start))}
        row.update({**times, c.ATTRIBUTES: attributes.get(number, {}), "row": number, "start_ns": start})
    return sorted(rows, key=lambda row: (row["start_ns"], row[c.SPAN_ID], row[c.TRACE_ID]))


def _moment(nanoseconds: int) -> datetime:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def _telling_attributes(texts: pa.Array) -> dict[int, dict[str, Any]]:
    """Return the attributes by row number, of rows that hold a key that is asked for."""
    told = numpy_of(pc.match_substring_regex(texts.cast(pa.string()), _TELLING))
    values = ((number, parsed(texts[number].as_py())) for number in told.nonzero()[0].tolist())
    return {number: value for number, value in values if isinstance(value, dict)}


def _model_call(row: Mapping[str, Any], tools: tuple[str, ...], *, is_repeat: bool) -> ModelCall:
    return ModelCall(
        span_id=row[c.SPAN_ID],
        model=row[c.MODEL_NAME] or None,
        start_time=row[c.START_TIME],
        end_time=row[c.END_TIME],
        is_error=row[c.STATUS_CODE] == "ERROR",
        input_tokens=_count(row[c.PROMPT_TOKENS]),
        output_tokens=_count(row[c.COMPLETION_TOKENS]),
        tools=tools,
        cost_usd=_cost_usd(row[c.ATTRIBUTES]),
        is_repeat=is_repeat,
    )


def _count(value: object) -> int | None:
    count = int64(value)
    return None if count is None or count < 0 else count


def _cost_usd(attributes: Mapping[str, Any]) -> float | None:
    """Return what a call cost; the total where the span has it, else its parts.

    Source: OpenInference semantic conventions (`llm.cost.*`, USD); OpenRouter and OpenLIT (`gen_ai.usage.cost`).
    """
    totals = [cost for key in _COSTS if (cost := _money(attributes.get(key))) is not None]
    parts = [cost for key in _COST_PARTS if (cost := _money(attributes.get(key))) is not None]
    return totals[0] if totals else sum(parts) if parts else None


def _money(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _MOST_USD else None


def _said_of_session(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for row in rows:
        for key, value in row[c.ATTRIBUTES].items():
            if _is_about_session(key) and value is not None:
                said.setdefault(key, value)
    return said


def _is_about_session(key: str) -> bool:
    if key.startswith(a.SESSION_EVAL_PREFIX):
        return key != a.SHADOW_CONTENT and "." not in key.removeprefix(a.SESSION_EVAL_PREFIX)
    is_other = key == a.SESSION_ID or key.startswith(a.SESSION_EVALUATIONS_PREFIX)
    return key.startswith(a.SESSION_PREFIX) and not is_other


def _shadows(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found = ((row[c.SPAN_ID], row[c.ATTRIBUTES].get(a.SHADOW_CONTENT)) for row in rows)
    return {span: value if isinstance(value, str) else json_text(value) for span, value in found if value}


class _Offered:
    """The tools that each span offers; each distinct definition is read once.

    Args:
        places: For each row, where its definitions begin and how many they are.
        codes: For each definition, its number among the distinct ones.
        definitions: What each distinct one defines.
    """

    def __init__(
        self,
        places: Sequence[tuple[int, int]],
        codes: Sequence[int | None],
        definitions: Sequence[tuple[ToolDefinition, ...]],
    ) -> None:
        self._places = places
        self._codes = codes
        self._definitions = definitions

    @classmethod
    def read(cls, spans: pa.Table) -> "_Offered":
        """Read the column of tools."""
        lists = combined(spans.column(c.TOOLS))
        lengths = numpy_of(pc.list_value_length(lists))
        texts = pc.struct_field(lists.flatten(), [0]).dictionary_encode()
        places = zip(starts_of(lengths).tolist(), lengths.tolist(), strict=True)
        definitions = [tuple(tools_of(text)) for text in texts.dictionary.to_pylist()]
        return cls(list(places), texts.indices.to_pylist(), definitions)

    def _of(self, row: int) -> Iterator[ToolDefinition]:
        start, length = self._places[row]
        for code in self._codes[start : start + length]:
            yield from self._definitions[code] if code is not None else ()

    def names(self, row: int) -> tuple[str, ...]:
        """Return the names of the tools that a row offers, each once."""
        return tuple(dict.fromkeys(tool.name for tool in self._of(row)))

    def fullest(self, rows: Iterable[int]) -> list[ToolDefinition]:
        """Return the tools that some rows offer, each name once: the definition with a schema and the most text."""
        best: dict[str, ToolDefinition] = {}
        for row in rows:
            for tool in self._of(row):
                held = best.setdefault(tool.name, tool)
                if _fullness(tool) > _fullness(held):
                    best[tool.name] = tool
        return list(best.values())


def _fullness(tool: ToolDefinition) -> tuple[bool, int]:
    return tool.parameters is not None, len(tool.description)
