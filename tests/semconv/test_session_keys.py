"""Sessions and users are found under the keys that instrumentations use, in order of trust."""

import pytest

from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.session_keys import SESSION_KEYS, USER_KEYS, session_id, user_id


def span(attributes, resource=None):
    return RawSpan("", "", None, "", 0, 0, attributes, resource=resource or {})


@pytest.mark.parametrize("key", SESSION_KEYS)
def test_every_session_key_is_read(key):
    """Each was seen on real spans as the only name of the session."""
    assert session_id(span({key: "s-1"})) == "s-1"


@pytest.mark.parametrize("key", USER_KEYS)
def test_every_user_key_is_read(key):
    """As for sessions."""
    assert user_id(span({key: "u-1"})) == "u-1"


def test_earlier_keys_win():
    """Pydantic AI makes its own conversation id next to the app's session id."""
    attributes = {key: f"by {key}" for key in reversed(SESSION_KEYS)}
    for key in SESSION_KEYS:
        assert session_id(span(attributes)) == f"by {key}"
        del attributes[key]


@pytest.mark.parametrize("mark", ["", "  ", "[Scrubbed due to 'session']", "__REDACTED__", None, True, ["s"], b"s"])
def test_redaction_marks_and_blanks_name_no_session(mark):
    """Logfire scrubs the value of keys that contain 'session'; all sessions would become one."""
    assert session_id(span({"session.id": mark, "gen_ai.conversation.id": "c-1"})) == "c-1"
    assert session_id(span({"session.id": mark})) is None


def test_the_resource_names_the_session_where_the_span_does_not():
    """The collector's groupbyattrs processor moves the attribute there."""
    assert session_id(span({}, {"session.id": "r-1"})) == "r-1"
    assert session_id(span({"thread_id": "t-1"}, {"session.id": "r-1"})) == "t-1"


@pytest.mark.parametrize("hostile", ["../../x", "a\x00b", "x" * 5000, "\U0001f600", "s s", "\ud800"])
def test_hostile_ids_stay_as_they_are(hostile):
    """An id is only ever a value in a column, so nothing has to be forbidden."""
    assert session_id(span({"session.id": hostile})) == hostile


def test_numbers_are_ids_too():
    """Apps use database keys as session ids."""
    assert session_id(span({"session.id": 42})) == "42"
    assert session_id(span({"session.id": 10**5000})) is None


def test_name_that_mlflow_encoded_is_decoded():
    """MLflow writes every value as JSON, a session id too; the app's id has no quotes."""
    encoded = RawSpan("", "", None, "", 0, 0, {"session.id": '"s-1"'}, scope_name="mlflow.tracing.provider")
    assert session_id(encoded) == "s-1"
    assert session_id(span({"session.id": '"s-1"', "mlflow.traceRequestId": '"tr-1"'})) == "s-1"


def test_quotes_of_an_app_stay_its_own():
    """Ids are compared to the letter."""
    assert session_id(span({"session.id": '"s-1"'})) == '"s-1"'
