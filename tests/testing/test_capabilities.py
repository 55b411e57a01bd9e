"""What a provider does not have, refused in its own words, so that a client can negotiate."""

import openai
import pytest

from sessioneval.errors import InputError
from sessioneval.testing.capabilities import CAPABILITIES
from sessioneval.testing.server import StandIn

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
MARKED = [{"type": "text", "text": "hi", "prompt_cache_breakpoint": {"mode": "explicit"}}]
SCHEMA = {"name": "v", "schema": {"type": "object"}}
USES = {
    "json_schema": {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
    "json_object": {"response_format": {"type": "json_object"}},
    "tools": {"tools": [TOOL]},
    "tool_choice": {"tools": [TOOL], "tool_choice": "auto"},
    "temperature": {"temperature": 0},
    "max_tokens": {"max_tokens": 10},
    "max_completion_tokens": {"max_completion_tokens": 10},
    "seed": {"seed": 0},
    "logprobs": {"logprobs": True},
    "reasoning_effort": {"reasoning_effort": "low"},
    "service_tier": {"service_tier": "flex"},
    "prompt_cache_key": {"prompt_cache_key": "s"},
    "prompt_cache_options": {"extra_body": {"prompt_cache_options": {"mode": "explicit"}}},
    "prompt_cache_breakpoint": {"messages": [{"role": "user", "content": MARKED}]},
}


def ask(client, **fields):
    return client.chat.completions.create(**{"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields)


def test_every_capability_can_be_refused():
    """The table of uses above is whole."""
    assert USES.keys() == CAPABILITIES.keys()


@pytest.mark.parametrize("name", USES)
def test_what_is_refused_is_named_and_all_else_works(connect, client, name):
    """A 400 that names the parameter; without the capability, and without the refusal, there is an answer."""
    assert ask(client, **USES[name]).choices
    with StandIn(refuses=[name]) as server:
        refusing = connect(server)
        parameter = "response_format" if name.startswith("json") else name
        with pytest.raises(openai.BadRequestError) as refused:
            ask(refusing, **USES[name])
        assert parameter in f"{refused.value.param} {refused.value.message}"
        assert refused.value.type == "invalid_request_error"
        assert ask(refusing).choices
        assert (server.stats["requests"], server.stats["by_status"]) == (1, {"200": 1, "400": 1})


def test_the_default_temperature_is_taken(connect):
    """Reasoning models take 1 and nothing else, and say so."""
    with StandIn(refuses=["temperature"]) as server:
        assert ask(connect(server), temperature=1).choices
        with pytest.raises(openai.BadRequestError, match="does not support 0") as refused:
            ask(connect(server), temperature=0)
        assert refused.value.code == "unsupported_value"


def test_an_unknown_capability_is_refused():
    """The message names the known ones."""
    with pytest.raises(InputError, match="capability 'magic' is not known: use some of json_schema"):
        StandIn(refuses=["magic"])
