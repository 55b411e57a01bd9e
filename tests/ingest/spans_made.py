"""Spans made by the real SDK, and the same spans as OTLP protobuf and OTLP JSON."""

import base64
import gzip
import json
import struct

import pyarrow as pa
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode

MESSAGE = {
    "openinference.span.kind": "LLM",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Wo ist meine Bestellung? \U0001f4da",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "look_up",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"order": "A-1"}',
    "llm.token_count.prompt": 12,
    "tag.tags": ("a", "b"),
    "other.bytes": b"\x00\x01",
    "other.nested": {"list": [1, "a", 2.5, True], "none": {}},
    "other.float": 0.5,
    "other.big": -(2**62),
}


def sdk_spans(n_turns=2, resource=None):
    """Return what an app of `n_turns` turns exports: an agent span with a model span inside, children first."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "shop", **(resource or {})}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("tests", "1.2")
    for turn in range(n_turns):
        with tracer.start_as_current_span(f"turn {turn}", kind=SpanKind.SERVER) as root:
            root.set_attribute("session.id", f"s-{turn % 2}")
            link = Link(root.get_span_context(), {"why": "test"})
            with tracer.start_as_current_span("chat", kind=SpanKind.CLIENT, links=[link]) as span:
                span.set_attributes({**MESSAGE, "session.id": f"s-{turn % 2}"})
                span.add_event("first token", {"n": 1})
                span.set_status(StatusCode.ERROR, "cut off")
    return list(memory.get_finished_spans())


def protobuf_request(spans):
    """Return the request that the real OTLP exporter would send, as bytes."""
    return encode_spans(spans).SerializeToString()


def json_request(spans):
    """Return the same request as OTLP/JSON: hexadecimal ids, which protobuf's own JSON does not have."""
    document = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    _with_hexadecimal_ids(document)
    return document


def _with_hexadecimal_ids(node):
    if isinstance(node, dict):
        for key in {"traceId", "spanId", "parentSpanId"} & node.keys():
            node[key] = base64.b64decode(node[key]).hex().upper()
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            _with_hexadecimal_ids(item)


def json_lines(requests):
    return b"".join(json.dumps(request).encode() + b"\n" for request in requests)


def prefixed(records):
    """Return the collector's framing: 4 bytes of big-endian length before each record."""
    return b"".join(struct.pack(">I", len(record)) + record for record in records)


def zstd(*contents):
    """Return one zstd frame for each content, one after the other."""
    frames = []
    for content in contents:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as stream:
            stream.write(content)
        frames.append(sink.getvalue().to_pybytes())
    return b"".join(frames)


def shapes(spans):
    """Return the same spans in every framing of OTLP files: name to bytes, one request for each span."""
    requests = [[span] for span in spans]
    json_records = [json.dumps(json_request(request)).encode() for request in requests]
    protobuf_records = [protobuf_request(request) for request in requests]
    lines = json_lines([json_request(request) for request in requests])
    plain = {
        "lines.jsonl": lines,
        "pretty.json": json.dumps(json_request(spans), indent=2).encode(),
        "pretty_documents.json": b"\n".join(json.dumps(json_request(r), indent=1).encode() for r in requests),
        "windows.jsonl": b"\xef\xbb\xbf" + lines.replace(b"\n", b"\r\n\r\n"),
        "no_line_end.jsonl": lines.rstrip(),
        "bare.pb": b"".join(protobuf_records),
        "prefixed_json.bin": prefixed(json_records),
        "prefixed_protobuf.bin": prefixed(protobuf_records),
        "prefixed_json_zstd.bin": prefixed([zstd(record) for record in json_records]),
        "prefixed_protobuf_zstd.bin": prefixed([zstd(record) for record in protobuf_records]),
    }
    packed = {f"{name}.gz": gzip.compress(content) for name, content in plain.items()}
    packed |= {f"{name}.zst": zstd(content) for name, content in plain.items()}
    packed["frames.jsonl.zst"] = zstd(*[line + b"\n" for line in json_records])
    packed["members.jsonl.gz"] = b"".join(gzip.compress(line + b"\n") for line in json_records)
    return plain | packed
