"""Arrow schemas of the two tables of a store.

Importing this module loads pyarrow, so nothing that an instrumented app imports may load it at start.
"""

import pyarrow as pa

from sessioneval.model import columns as c

_TIME = pa.timestamp("ns", tz="UTC")

PART = pa.struct(
    [
        (c.PART_TYPE, pa.string()),
        (c.PART_TEXT, pa.string()),
        (c.PART_URL, pa.string()),
        (c.PART_JSON, pa.string()),
    ]
)
CALL = pa.struct([(c.CALL_ID, pa.string()), (c.CALL_NAME, pa.string()), (c.CALL_ARGUMENTS, pa.string())])
MESSAGE = pa.struct(
    [
        (c.MESSAGE_ROLE, pa.string()),
        (c.MESSAGE_CONTENT, pa.string()),
        (c.MESSAGE_NAME, pa.string()),
        (c.MESSAGE_TOOL_CALL_ID, pa.string()),
        (c.MESSAGE_CONTENTS, pa.list_(PART)),
        (c.MESSAGE_TOOL_CALLS, pa.list_(CALL)),
    ]
)
EVENT = pa.struct([("name", pa.string()), ("timestamp", _TIME), ("attributes", pa.string())])

SPANS = pa.schema(
    [
        pa.field(c.TRACE_ID, pa.string(), nullable=False),
        pa.field(c.SPAN_ID, pa.string(), nullable=False),
        (c.PARENT_ID, pa.string()),
        (c.NAME, pa.string()),
        (c.SPAN_KIND, pa.string()),
        (c.START_TIME, _TIME),
        (c.END_TIME, _TIME),
        (c.STATUS_CODE, pa.string()),
        (c.STATUS_MESSAGE, pa.string()),
        (c.SESSION_ID, pa.string()),
        (c.USER_ID, pa.string()),
        (c.SOURCE, pa.string()),
        (c.AGENT_VERSION, pa.string()),
        (c.SESSION_STATUS, pa.string()),
        (c.METADATA, pa.string()),
        (c.TAGS, pa.list_(pa.string())),
        (c.OPENINFERENCE_KIND, pa.string()),
        (c.AGENT_NAME, pa.string()),
        (c.INPUT_VALUE, pa.string()),
        (c.INPUT_MIME_TYPE, pa.string()),
        (c.OUTPUT_VALUE, pa.string()),
        (c.OUTPUT_MIME_TYPE, pa.string()),
        (c.MODEL_NAME, pa.string()),
        (c.PROVIDER, pa.string()),
        (c.INVOCATION_PARAMETERS, pa.string()),
        (c.PROMPT_TOKENS, pa.int64()),
        (c.COMPLETION_TOKENS, pa.int64()),
        (c.TOTAL_TOKENS, pa.int64()),
        (c.RESPONSE_ID, pa.string()),
        (c.INPUT_MESSAGES, pa.list_(MESSAGE)),
        (c.OUTPUT_MESSAGES, pa.list_(MESSAGE)),
        (c.TOOLS, pa.list_(pa.struct([(c.TOOL_JSON_SCHEMA, pa.string())]))),
        (c.TOOL_NAME, pa.string()),
        (c.TOOL_DESCRIPTION, pa.string()),
        (c.TOOL_PARAMETERS, pa.string()),
        (c.TOOL_CALL_ID, pa.string()),
        (c.ATTRIBUTES, pa.string()),
        (c.EVENTS, pa.list_(EVENT)),
        (c.LINKS, pa.string()),
        (c.RESOURCE, pa.string()),
        (c.SCOPE_NAME, pa.string()),
        (c.SCOPE_VERSION, pa.string()),
        (c.OTEL_KIND, pa.string()),
        (c.TRACE_STATE, pa.string()),
        (c.DROPPED_ATTRIBUTES, pa.int64()),
    ]
)

EVIDENCE = pa.struct([("message_index", pa.int64()), ("quote", pa.string()), ("span_id", pa.string())])
FINDING = pa.struct(
    [
        ("category", pa.string()),
        ("severity", pa.string()),
        ("message_index", pa.int64()),
        ("note", pa.string()),
        ("span_id", pa.string()),
    ]
)

EVALUATIONS = pa.schema(
    [
        pa.field("evaluation_id", pa.string(), nullable=False),
        pa.field("session_id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("explanation", pa.string()),
        ("confidence", pa.float64()),
        ("evidence", pa.list_(EVIDENCE)),
        ("findings", pa.list_(FINDING)),
        ("fields", pa.string()),
        ("is_unsupported", pa.bool_()),
        ("is_flagged", pa.bool_()),
        ("is_injection_suspected", pa.bool_()),
        pa.field("status", pa.string(), nullable=False),
        ("reason", pa.string()),
        ("error", pa.string()),
        ("annotator_kind", pa.string()),
        ("identifier", pa.string()),
        ("model", pa.string()),
        ("anchor_span_id", pa.string()),
        ("transcript_digest", pa.string()),
        ("spans_digest", pa.string()),
        ("judged_until", _TIME),
        ("n_messages", pa.int64()),
        ("n_windows", pa.int64()),
        ("n_chars_cut", pa.int64()),
        ("vote_of", pa.string()),
        ("sample_rate", pa.float64()),
        ("calls", pa.int64()),
        ("input_tokens", pa.int64()),
        ("cached_tokens", pa.int64()),
        ("cache_write_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("reasoning_tokens", pa.int64()),
        ("cost_usd", pa.float64()),
        ("duration_seconds", pa.float64()),
        ("metadata", pa.string()),
        ("run_id", pa.string()),
        ("created_at", _TIME),
    ]
)

STITCHES = pa.schema(
    [
        pa.field("trace_id", pa.string(), nullable=False),
        pa.field("session_id", pa.string(), nullable=False),
        ("confidence", pa.float64()),
        ("created_at", _TIME),
    ]
)
