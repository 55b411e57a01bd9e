"""Writing spans as OTLP/JSON lines, one export request a line, as the Collector's file exporter does."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_IDS = ("traceId", "spanId", "parentSpanId")
# Resource attributes that tell of the machine, not of the conversation.
_OF_THE_MACHINE = ("host.", "os.", "process.")


class SpanFile(SpanExporter):
    """An exporter to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append the spans."""
        append_request(self.path, encode_spans(spans))
        return SpanExportResult.SUCCESS


def append_request(path: Path, request: Any) -> None:
    """Append an ExportTraceServiceRequest."""
    message = MessageToDict(request, use_integers_for_enums=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(with_hex_ids(message), ensure_ascii=False) + "\n")


def with_hex_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [with_hex_ids(item) for item in value if not _tells_of_machine(item)]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(item).hex() if key in _IDS and isinstance(item, str) else with_hex_ids(item)
        for key, item in value.items()
    }


def _tells_of_machine(item: Any) -> bool:
    return isinstance(item, dict) and str(item.get("key", "")).startswith(_OF_THE_MACHINE)
