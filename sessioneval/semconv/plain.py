"""The fallback: a span of no known convention has kind UNKNOWN; its plain input and output are read as OpenInference."""

from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.openinference import UNKNOWN_KIND


def _is_any(_: RawSpan) -> bool:
    return True


def _columns(_: RawSpan) -> dict[str, Any]:
    return {c.SPAN_KIND: UNKNOWN_KIND}


PLAIN = Dialect(name="plain", recognises=_is_any, columns=_columns)
