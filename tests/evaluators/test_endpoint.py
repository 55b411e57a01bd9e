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


CLASSIC = "https://name.openai.azure.com/openai/deployments/judge?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        (URL, "Authorization"),
        ("https://api.openai.com/v1", "Authorization"),
        ("https://name.openai.azure.com/openai/v1/", "api-key"),
        ("https://name.openai.azure.us/openai/v1", "api-key"),
        ("https://name.cognitiveservices.azure.com/openai/v1/", "api-key"),
        ("https://name.services.ai.azure.com/openai/v1/", "api-key"),
        (CLASSIC, "api-key"),
        ("https://gateway.example/team/openai/deployments/judge?api-version=1", "api-key"),
        ("https://openai.azure.com.example/openai/v1", "Authorization"),
        ("https://notopenai.azure.com/openai/v1", "Authorization"),
        ("https://gateway.example/openai/v1", "Authorization"),
    ],
)
def test_the_key_goes_into_the_header_that_the_address_wants(url, sent):
    """Azure's classic address takes a key as a bearer's token for a broken one."""
    endpoint = made(url, "a-secret-key")
    endpoint.check()
    assert list(endpoint.credentials()) == [sent]


def test_a_token_of_entra_id_is_a_bearers():
    """Companies that switch keys off pass tokens instead."""
    assert made(CLASSIC, "eyJ0eXAi.e30.c2ln").credentials() == {"Authorization": "Bearer eyJ0eXAi.e30.c2ln"}


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("https://name.openai.azure.com", "names a resource of Azure; add /openai/v1/"),
        ("https://name.openai.azure.com/openai/", "names a resource of Azure; add /openai/v1/"),
        ("https://name.openai.azure.com/openai/deployments/judge", "without its version; add [?]api-version=DATE"),
        ("https://gateway.example/openai/deployments/judge?x=1", "without its version"),
    ],
)
def test_half_an_address_of_azure_is_refused_with_what_to_add(url, advice):
    """What Azure's pages call the endpoint is not yet an address, and its own answer is a bare 404."""
    with pytest.raises(InputError, match=advice):
        made(url, "a-secret-key").check()


def test_azure_has_a_key_of_its_own_in_the_environment(monkeypatch):
    """Whoever uses both has both set; the other provider's key must not go to Azure."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-openai")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-of-azure")
    assert [made(url).api_key for url in (CLASSIC, URL, None)] == ["key-of-azure", "key-of-openai", "key-of-openai"]
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    assert made(CLASSIC).api_key == "key-of-openai"


def test_the_version_of_an_api_is_no_secret():
    """It helps whoever reads the message."""
    endpoint = made(CLASSIC + "&code=gateway-secret", "a-secret-key")
    assert endpoint.scrub("api-version=2024-10-21 code=gateway-secret") == "api-version=2024-10-21 code=[key]"


def test_secrets_are_cut_out_in_every_form_in_which_they_travel():
    """As they stand in the address, decoded, and as the header carries them."""
    endpoint = made("https://ann:pass%40word-1@host/v1?token=query%2Fsecret", "a-secret-key")
    basic = endpoint.credentials()["Authorization"].removeprefix("Basic ")
    for secret in ("pass%40word-1", "pass@word-1", "query%2Fsecret", "query/secret", basic):
        assert endpoint.scrub(f"<{secret}>") == "<[key]>"
