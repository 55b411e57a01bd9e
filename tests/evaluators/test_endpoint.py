"""Endpoints: what is taken from the environment, what is refused, what is never shown."""

from datetime import timedelta

import pytest

from sessioneval.errors import InputError
from sessioneval.evaluators.endpoint import Endpoint

URL = "http://localhost:8000/v1"


def made(base_url=None, api_key=None, timeout=timedelta(seconds=1), max_retries=0):
    return Endpoint.of(base_url, api_key, timeout, max_retries)


def test_no_key_and_no_address_is_refused_with_what_to_do():
    """The first thing that goes wrong for a newcomer."""
    with pytest.raises(InputError, match="set OPENAI_API_KEY or pass api_key; for a local server pass base_url"):
        made().check()


def test_a_local_server_needs_no_key():
    """vLLM, Ollama and the stand-in check none, but the openai client insists on one."""
    endpoint = made(URL)
    endpoint.check()
    assert endpoint.api_key == "not-needed"


def test_environment_variables_of_the_openai_client_hold(monkeypatch):
    """Whoever set them for the openai client need not say it again."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", URL)
    assert (made().base_url, made().api_key) == (URL, "key-of-the-environment")
    assert made("http://other/v1", "own-key").api_key == "own-key"


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://h/v1", "http://", "http://h:99999/v1", "http://h /v1", "http://[::1/v1", "//h"]
)
def test_what_is_no_address_is_refused(url):
    """The openai client would retry it for a quarter of a minute, on every session."""
    with pytest.raises(InputError, match="base_url"):
        made(url).check()


@pytest.mark.parametrize("key", ["two words", "line\nend", "clé-secrète", "a\x00b"])
def test_a_key_no_header_can_carry_is_refused_and_not_shown(key):
    """A copied line end is the usual slip; the message must not print the key."""
    with pytest.raises(InputError) as error:
        made(URL, key).check()
    assert key not in str(error.value)


@pytest.mark.parametrize(
    "bad",
    [
        {"timeout": timedelta(0)},
        {"timeout": timedelta(days=1)},
        {"timeout": 5},
        {"max_retries": -1},
        {"max_retries": True},
    ],
)
def test_times_and_retries_are_checked(bad):
    """A bare number is no time: seconds and milliseconds look alike."""
    with pytest.raises(InputError):
        made(URL, **bad).check()


def test_secrets_are_in_no_text():
    """Keys travel in addresses too."""
    endpoint = made("https://user:password-1@host/v1?api-key=query-secret", "sk-very-secret")
    endpoint.check()
    assert repr(endpoint) == "Endpoint('https://host/v1')"
    said = endpoint.scrub("sk-very-secret password-1 api-key=query-secret")
    assert "secret" not in said
    assert "password-1" not in said


def test_placeholder_keys_do_not_garble_texts():
    """A key such as 'none' is no secret, and cutting it out would change every explanation."""
    assert made(URL, "none").scrub("there is none") == "there is none"
