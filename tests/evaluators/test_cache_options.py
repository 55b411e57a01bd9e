"""Cache options: sent where they are known to be taken, and nowhere else."""

import pytest

from sessioneval.errors import InputError
from sessioneval.evaluators.cache_options import OPTIONS, cache_options, check_prompt_cache
from sessioneval.evaluators.endpoint import Endpoint

OPENROUTER = "https://openrouter.ai/api/v1"
PROMPT = [{"role": role, "content": text} for role, text in (("system", "rules"), ("user", "text"), ("user", "ask"))]


@pytest.mark.parametrize(
    ("base_url", "model", "kind"),
    [
        (None, "gpt-5.6", "breakpoint"),
        (None, "gpt-5.6-mini-2026-07-01", "breakpoint"),
        (None, "gpt-5.10", "breakpoint"),
        (None, "gpt-6", "breakpoint"),
        (None, "GPT-5.7", "breakpoint"),
        ("https://api.openai.com/v1", "gpt-5.6", "breakpoint"),
        ("https://eu.api.openai.com/v1", "gpt-5.6", "breakpoint"),
        (None, "gpt-5.5", "key"),
        (None, "gpt-5-mini", "key"),
        (None, "gpt-4.1", "key"),
        (None, "o4-mini", "key"),
        ("https://api.openai.com.evil.example/v1", "gpt-5.6", "none"),
        ("https://evilapi.openai.com.example/v1", "gpt-5.6", "none"),
        ("https://me.openai.azure.com/openai/v1", "gpt-5.6", "none"),
        ("http://localhost:8000/v1", "gpt-5.6", "none"),
        (OPENROUTER, "anthropic/claude-sonnet-5", "cache_control"),
        (OPENROUTER, "openai/gpt-5.6", "breakpoint"),
        (OPENROUTER, "openai/gpt-4.1", "none"),
        (OPENROUTER, "meta-llama/llama-4", "none"),
        ("http://localhost:4000/v1", "claude-sonnet-5", "none"),
    ],
)
def test_options_follow_address_and_model(base_url, model, kind):
    """An unknown field is refused by many servers; a missing breakpoint costs more than no cache at all."""
    assert cache_options("auto", Endpoint(base_url=base_url), model) == OPTIONS[kind]


def test_a_user_who_knows_better_chooses():
    """A LiteLLM proxy in front of Claude has an address of its own."""
    assert cache_options("cache_control", Endpoint(base_url="http://localhost:4000"), "x").mark
    assert cache_options("none", Endpoint(), "gpt-5.6") == OPTIONS["none"]
    check_prompt_cache("auto")
    with pytest.raises(InputError, match="prompt_cache is 'yes'; allowed: 'auto', 'none'"):
        check_prompt_cache("yes")


def test_marks_stand_at_the_ends_of_what_is_shared():
    """The rules by all sessions, the transcript by its judges; what follows differs from judge to judge."""
    rules, transcript, question = OPTIONS["breakpoint"].marked(PROMPT)
    assert question == PROMPT[2]
    for marked, message in ((rules, PROMPT[0]), (transcript, PROMPT[1])):
        part = {"type": "text", "text": message["content"], "prompt_cache_breakpoint": {"mode": "explicit"}}
        assert marked == {"role": message["role"], "content": [part]}
    assert OPTIONS["breakpoint"].parameters_for("k") == {
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "explicit"},
    }
    assert OPTIONS["cache_control"].marked(PROMPT)[1]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert OPTIONS["none"].marked(PROMPT) == PROMPT
    assert OPTIONS["none"].parameters_for("k") == {}
