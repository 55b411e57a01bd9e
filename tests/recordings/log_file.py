"""Writing log records as OTLP/JSON lines beside the file of the spans."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

from span_file import with_hex_ids

try:
    from opentelemetry.sdk._logs.export import LogRecordExporter as LogExporter
except ImportError:
    from opentelemetry.sdk._logs.export import LogExporter  # releases before 1.39


class LogFile(LogExporter):
    """An exporter to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def export(self, batch: Sequence[Any]) -> Any:
        """Append the records."""
        message = MessageToDict(encode_logs(batch), use_integers_for_enums=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(with_hex_ids(message), ensure_ascii=False) + "\n")
        return None

    def shutdown(self) -> None:
        """Do nothing."""

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Do nothing."""
        return True


def logger_provider(spans: Path) -> LoggerProvider:
    """Return a provider that writes beside a file of spans."""
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(LogFile(spans.with_suffix(".logs.jsonl"))))
    return provider
