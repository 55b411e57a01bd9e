"""LlamaIndex wraps what a tool was given and gave back; both are taken out."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of

SCOPE = "openinference.instrumentation.llama_index"


def columns(given, result, scope=SCOPE, kind="TOOL"):
    attributes = {"openinference.span.kind": kind, "input.value": given, "output.value": result}
    return columns_of(RawSpan("", "", None, "", 0, 0, attributes, scope_name=scope))


@pytest.mark.parametrize("scope", [SCOPE, ""])
def test_a_tool_has_arguments_and_text(scope):
    """Frames have no scope; the shape tells."""
    given = '{"kwargs": {"id": 7}}'
    result = json.dumps({"blocks": [{"text": "found"}], "raw_output": "found"}, separators=(",", ":"))
    found = columns(given, result, scope)
    assert (found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == ('{"id":7}', "found")
    assert found[c.ATTRIBUTES] == {"input.value": given, "output.value": result}


@pytest.mark.parametrize("value", ["plain", '{"blocks": 3}', "[", '{"kwargs": 1}'])
def test_other_values_stay_as_they_are(value):
    """A tool may give back anything."""
    found = columns(value, value)
    assert (found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == (value, value)
