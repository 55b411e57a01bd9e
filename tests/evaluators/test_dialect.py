"""What is asked for at each level, and which words of which server bring it down."""

import json

import pytest

from sessioneval.evaluators.answer_schema import ANSWER_SCHEMA, RESPONSE_FORMAT
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.dialect import FORMATS, Dialect, refused_price
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.refusal import Refusal, read_refusal

PARAMETERS = {"temperature": 0.0, "seed": 7, "prompt_cache_key": "k", "prompt_cache_options": {"mode": "explicit"}}
MARKED = {"type": "text", "text": "the transcript", "prompt_cache_breakpoint": {"mode": "explicit"}}
CALL = JudgeCall(
    endpoint=Endpoint(base_url="http://localhost/v1", api_key="none"),
    model="m",
    messages=[{"role": "system", "content": "the rules"}, {"role": "user", "content": [MARKED]}],
    parameters=PARAMETERS,
    response_format=RESPONSE_FORMAT,
)
FLEX = JudgeCall(
    endpoint=CALL.endpoint, model="m", messages=CALL.messages, parameters={"seed": 7, "service_tier": "flex"}
)


def error(message, param=None, code=None, kind="invalid_request_error"):
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def changed(dialect, status, body, call=CALL):
    """Return what a response takes away: the next format, what is left out, or None."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    simpler = dialect.after(read_refusal(status, raw), call)
    if simpler is None:
        return None
    return simpler.answer_format if simpler.answer_format != dialect.answer_format else set(simpler.dropped)


# Wordings as their servers send them; the list grows with each that is met.
SCHEMA_REFUSALS = {
    "openai": (
        400,
        error(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more "
            "about supported models at the Structured Outputs guide.",
            "response_format",
        ),
    ),
    "openai, a bad schema": (400, error("Invalid schema for response_format 'session_evaluation'.", "response_format")),
    "openai, an old model": (400, error("Unrecognized request argument supplied: response_format")),
    "azure, an old version": (
        400,
        error(
            "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",
            code="BadRequest",
        ),
    ),
    "azure, an unknown parameter": (400, error("Unknown parameter: 'response_format.json_schema.strict'.", code="x")),
    "vllm, pydantic as text": (
        400,
        {
            "object": "error",
            "message": "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be "
            "'text' or 'json_object'\", 'input': 'json_schema'}]",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    "vllm, a grammar": (400, error('Grammar error: Unimplemented keys: ["additionalProperties"]', code=400)),
    "vllm, guided decoding": (400, error("Guided decoding is not supported on this platform.", code=400)),
    "mistral": (
        422,
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "response_format", "json_schema"],
                        "msg": "Extra inputs are not permitted",
                        "input": {},
                    }
                ]
            },
            "type": "invalid_request_error",
        },
    ),
    "fastapi": (422, {"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]}),
    "ollama": (400, error('invalid format: expected "json" or a JSON schema', kind="api_error")),
    "ollama, an old one": (400, {"error": "invalid options: format"}),
    "ollama, a bad schema": (500, {"error": "invalid JSON schema in format"}),
    "lm studio": (400, {"error": "'response_format.json_schema.schema' must be an object"}),
    "litellm": (
        400,
        error(
            "litellm.UnsupportedParamsError: bedrock does not support parameters: ['response_format'], for model=m. To "
            "drop these, set `litellm.drop_params=True` or for proxy: `litellm_settings: drop_params: true`",
            "None",
            "400",
            "None",
        ),
    ),
    "litellm, gemini inside": (
        400,
        error(
            'litellm.BadRequestError: VertexAIException BadRequestError - {"error": {"code": 400, "message": "Invalid '
            "JSON payload received. Unknown name \\\"additionalProperties\\\" at 'generation_config.response_schema': "
            'Cannot find field.", "status": "INVALID_ARGUMENT"}}'
        ),
    ),
    "google": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "Invalid JSON payload received. Unknown name \"strict\" at 'response_format.json_schema'",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
    ),
    "openrouter, no name": (404, error("No endpoints found that can handle the requested parameters.", code=404)),
    "openrouter": (404, error("No endpoints found that support structured outputs", code=404)),
    "llama.cpp, an old one": (
        500,
        error('response_format type must be one of "text" or "json_object", but got: json_schema', kind="server_error"),
    ),
    "llama.cpp": (400, error("failed to parse grammar")),
    "deepseek": (400, error("This response_format type is unavailable now")),
    "anthropic": (400, error("output_format: Extra inputs are not permitted")),
    "not implemented": (501, error("json_schema is not implemented")),
    "plain words": (400, b"response_format not supported"),
}
OBJECT_REFUSALS = {
    "lm studio": (400, {"error": "'response_format.type' must be 'json_schema' or 'text'"}),
    "openai": (
        400,
        error("Invalid parameter: 'response_format' of type 'json_object' is not supported with this model."),
    ),
    "openai, a word": (
        400,
        error(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            "messages",
        ),
    ),
    "openrouter": (404, error("No endpoints found that support the requested parameters: JSON mode", code=404)),
}
TOOL_REFUSALS = {
    "ollama": (400, error("registry.ollama.ai/library/gemma:2b does not support tools", kind="api_error")),
    "openrouter": (
        404,
        error("No endpoints found that support tool use. To learn more about provider routing, visit: ...", code=404),
    ),
    "openrouter, a choice": (404, error("No endpoints found that support the provided 'tool_choice' value.", code=404)),
    "llama.cpp": (500, error("tools param requires --jinja flag", kind="server_error", code=500)),
    "llama.cpp, an old one": (500, error("Unsupported param: tools", kind="server_error", code=500)),
    "vllm": (400, error('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')),
    "mistral": (
        422,
        {
            "object": "Error",
            "message": [{"type": "extra_forbidden", "loc": ["body", "tools"], "msg": "Extra inputs are not permitted"}],
            "code": 3001,
        },
    ),
    "deepseek": (400, error("deepseek-reasoner does not support this tool_choice")),
    "azure": (400, error("Unrecognized request arguments supplied: tool_choice, tools")),
    "litellm": (400, error("litellm.UnsupportedParamsError: ollama does not support parameters: ['tools']")),
    "groq": (400, error("Failed to call a function. Please adjust your prompt.", code="tool_use_failed")),
}
PARAMETER_REFUSALS = {
    "openai, one value": (
        "temperature",
        400,
        error(
            "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is "
            "supported.",
            "temperature",
            "unsupported_value",
        ),
    ),
    "openai": (
        "temperature",
        400,
        error(
            "Unsupported parameter: 'temperature' is not supported with this model.",
            "temperature",
            "unsupported_parameter",
        ),
    ),
    "kimi": ("temperature", 400, error("invalid temperature: only 1 is allowed for this model")),
    "anthropic": ("temperature", 400, error("`temperature` is deprecated for this model.")),
    "litellm": (
        "seed",
        400,
        error("litellm.UnsupportedParamsError: anthropic does not support parameters: {'seed': 7}, for model=m."),
    ),
    "openai, an old model": ("seed", 400, error("Unrecognized request argument supplied: seed")),
    "azure": ("seed", 400, error("Unknown parameter: 'seed'.", "seed", "unknown_parameter")),
    "vllm": (
        "seed",
        422,
        error("[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted'}]"),
    ),
    "mistral": (
        "seed",
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
    ),
    "google": (
        "prompt_cache_key",
        400,
        [{"error": {"code": 400, "message": 'Unknown name "prompt_cache_key": Cannot find field.'}}],
    ),
    "groq": ("prompt_cache_key", 400, error("property 'prompt_cache_key' is unsupported")),
    "cerebras": (
        "prompt_cache_key",
        422,
        error("body.prompt_cache_key: property 'body.prompt_cache_key' is unsupported", code="wrong_api_format"),
    ),
    "openai, an old cache": (
        "prompt_cache_options",
        400,
        error("Unknown parameter: 'prompt_cache_options'.", "prompt_cache_options", "unknown_parameter"),
    ),
}


@pytest.mark.parametrize(("status", "body"), SCHEMA_REFUSALS.values(), ids=SCHEMA_REFUSALS)
def test_a_refused_schema_becomes_any_json_object(status, body):
    """Every server has its own words for it; one that is not understood fails every session of a run."""
    assert changed(Dialect(), status, body) == "json_object"


@pytest.mark.parametrize(("status", "body"), OBJECT_REFUSALS.values(), ids=OBJECT_REFUSALS)
def test_a_refused_json_object_becomes_a_tool_call(status, body):
    """LM Studio, for one, takes schemas and refuses the plain JSON mode."""
    assert changed(Dialect(answer_format="json_object"), status, body) == "tool"


@pytest.mark.parametrize(("status", "body"), TOOL_REFUSALS.values(), ids=TOOL_REFUSALS)
def test_a_refused_tool_becomes_plain_text(status, body):
    """The last level asks for nothing that a server could refuse."""
    assert changed(Dialect(answer_format="tool"), status, body) == "text"


@pytest.mark.parametrize(("name", "status", "body"), PARAMETER_REFUSALS.values(), ids=PARAMETER_REFUSALS)
def test_a_refused_parameter_is_left_out_and_nothing_else(name, status, body):
    """A model that takes one temperature only still takes the schema and the seed."""
    dialect = Dialect()
    assert changed(dialect, status, body) == {name}
    sent = json.loads(dialect.after(read_refusal(status, json.dumps(body).encode()), CALL).body(CALL))
    assert PARAMETERS.keys() - sent.keys() == {name}
    assert sent["response_format"] == RESPONSE_FORMAT


@pytest.mark.parametrize(
    ("status", "body"),
    {
        "a wrong key": (401, error("Incorrect API key provided; response_format is not supported")),
        "throttled": (429, error("temperature of the cluster is not supported")),
        "context": (
            400,
            error("maximum context length; functions and response_format", "messages", "context_length_exceeded"),
        ),
        "content filter": (400, error("the seed of the response_format was filtered", code="content_filter")),
        "no model": (404, error("The model 'temperature' does not exist", code="model_not_found")),
        "no model on vllm": (404, {"object": "error", "message": "The model `m` was not found."}),
        "no page": (404, b"<html>404 page not found: /seed</html>"),
        "a crash": (500, error("worker died in seed 7 with response_format", kind="server_error")),
        "a gateway": (502, error("response_format is not supported")),
        "nothing": (400, b""),
        "garbage": (400, b"\xff\x00["),
        "numbers": (400, {"error": {"message": 5, "param": [7], "code": {}}}),
        "odd entries": (422, {"detail": [None, 5, {"loc": 7}, {"loc": None, "msg": None}]}),
        "an empty list": (400, []),
        "another parameter": (400, error("Unknown parameter: 'top_seeds'.")),
    }.values(),
)
def test_what_is_no_refusal_of_an_option_changes_nothing(status, body):
    """Asking more simply would not help, and costs a call for each session."""
    assert changed(Dialect(), status, body) is None


def test_the_parameter_that_is_named_counts_before_the_words():
    """The words may hold the whole request."""
    body = error("unsupported with response_format and tools", "temperature")
    assert changed(Dialect(), 400, body) == {"temperature"}


def test_only_what_was_sent_can_be_refused():
    """A server that refuses what nobody asked for has something else in mind."""
    bare = JudgeCall(endpoint=CALL.endpoint, model="m", messages=[], parameters={"temperature": None})
    assert changed(Dialect(), 400, error("temperature, response_format, seed, tools"), bare) is None
    assert changed(Dialect(dropped=frozenset(PARAMETERS)), 400, error("no seed", "seed")) is None


def test_a_refusal_that_names_nothing_takes_the_formats_first_and_then_every_option():
    """OpenRouter says only that no provider takes the parameters."""
    body = error("No endpoints found that can handle the requested parameters.", code=404)
    seen, dialect = [], Dialect()
    while dialect is not None:
        seen.append((dialect.answer_format, len(dialect.dropped)))
        dialect = dialect.after(read_refusal(404, json.dumps(body).encode()), CALL)
    assert seen == [("json_schema", 0), ("json_object", 0), ("tool", 0), ("text", 0), ("text", 5)]


@pytest.mark.parametrize(
    "message",
    [
        "Unknown parameter: 'messages[1].content[0].prompt_cache_breakpoint'.",
        "messages.1.content.0.cache_control: Extra inputs are not permitted",
        "'messages.1' : for 'role:user' the following must be satisfied[('messages.1.content' : value must be a string)]",
        "Failed to deserialize: messages[1]: invalid type: sequence, expected a string at line 1",
    ],
)
def test_a_refused_cache_mark_goes_with_the_option_that_means_nothing_without_it(message):
    """Caching by marks only, without a mark, would be no caching at all."""
    simpler = Dialect().after(Refusal(status=400, param="messages", said=message), CALL)
    sent = json.loads(simpler.body(CALL))
    assert sent["messages"] == [CALL.messages[0], {"role": "user", "content": "the transcript"}]
    assert "prompt_cache_options" not in sent
    assert sent["prompt_cache_key"] == "k"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("Unrecognized request argument supplied: service_tier")),
        (400, error("Invalid service_tier argument", "service_tier")),
        (400, error("Unsupported service_tier: flex")),
        (422, {"detail": [{"loc": ["body", "service_tier"], "msg": "Extra inputs are not permitted"}]}),
    ],
)
def test_what_changes_the_price_is_never_left_out(status, body):
    """Whoever asked for half the price must not pay the whole one without a word."""
    refusal = read_refusal(status, json.dumps(body).encode())
    assert Dialect().after(refusal, FLEX) is None
    assert refused_price(refusal, FLEX) == "service_tier 'flex'"
    assert refused_price(refusal, CALL) is None
    assert refused_price(Refusal(status=429, said="service_tier"), FLEX) is None


def test_each_format_asks_in_its_own_way():
    """What stands in the request is what the servers' documents say."""
    bodies = [json.loads(Dialect(answer_format=form).body(CALL)) for form in FORMATS]
    schema, any_object, tool, text = bodies
    assert schema["response_format"] == RESPONSE_FORMAT
    assert any_object["response_format"] == {"type": "json_object"}
    assert tool["tools"][0]["function"]["parameters"] == ANSWER_SCHEMA
    assert tool["tool_choice"] == {"type": "function", "function": {"name": "session_evaluation"}}
    assert not {"response_format", "tools", "tool_choice"} & set(text)
    assert all(body["messages"] == CALL.messages for body in bodies)


def test_what_judges_of_a_session_share_stands_before_the_messages():
    """A provider's cache compares from the front."""
    for form in FORMATS:
        raw = Dialect(answer_format=form).body(CALL)
        assert raw.index(b'"messages"') < raw.index(b'"temperature"')


def test_two_findings_are_joined():
    """Calls of several kinds find out different things at the same time."""
    first = Dialect(answer_format="tool", dropped=frozenset({"seed"}))
    second = Dialect(answer_format="json_object", dropped=frozenset({"temperature"}))
    assert first.joined(second) == second.joined(first)
    assert first.joined(second) == Dialect(answer_format="tool", dropped=frozenset({"seed", "temperature"}))
