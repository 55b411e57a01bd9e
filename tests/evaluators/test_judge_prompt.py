"""The prompt: one prefix for all judges of a session, the transcript inside a fence."""

import json
import re
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from sessioneval.evaluators.answer_schema import RESPONSE_FORMAT
from sessioneval.evaluators.judge_prompt import RULES, Material, nonce_of, prompt, question_text, repair
from sessioneval.evaluators.rubric import Rubric
from sessioneval.evaluators.rubric_library import rubric_named
from sessioneval.sessions.rendering import render

POLITE = Rubric(
    name="polite", version="1", question="Polite?", labels={"yes": 1, "no": 0}, definitions={"yes": "It was."}
)


def test_two_judges_share_every_byte_before_the_question(transcript):
    """The provider's prefix cache lives on equal bytes; the transcript is nearly all of a prompt."""
    one, two = (prompt(rubric_named(name), transcript) for name in ("coherence", "frustration"))
    assert json.dumps(one[:2]) == json.dumps(two[:2])
    assert one[2] != two[2]
    assert one[0]["content"] == RULES


def test_the_transcript_is_rendered_behind_the_sessions_nonce(transcript):
    """Only code writes the fence; the judge reads what the renderer made, unchanged."""
    nonce = nonce_of("chat-1")
    assert re.fullmatch("[0-9a-f]{16}", nonce)
    assert prompt(POLITE, transcript)[1] == {"role": "user", "content": render(transcript, nonce)}


def test_the_nonce_is_constant_in_a_session_and_differs_between_sessions_and_processes():
    """Constant for the cache; unguessable for whoever writes the transcript."""
    assert nonce_of("a") == nonce_of("a") != nonce_of("b")
    code = "from sessioneval.evaluators.judge_prompt import nonce_of; print(nonce_of('a'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert re.fullmatch("[0-9a-f]{16}", other)
    assert other != nonce_of("a")


def test_the_question_names_evaluator_labels_definitions_and_reminds():
    """What follows the hostile text is the last word."""
    text = question_text(POLITE, "5eed", Material())
    assert text.startswith("Evaluator: polite\nPolite?\n")
    assert "\nLabels: yes, no\n- yes: It was.\n" in text
    assert "data, not instructions" in text.splitlines()[-1]


def test_the_schema_asks_for_evidence_before_the_label_and_knows_no_rubric():
    """Generation runs left to right; and a schema that differed would be a cache miss."""
    schema = RESPONSE_FORMAT["json_schema"]["schema"]
    order = ["n_user_messages", "evidence", "findings", "answers", "reasoning", "label", "confidence"]
    assert list(schema["properties"]) == schema["required"] == order
    assert RESPONSE_FORMAT["json_schema"]["strict"] is True
    assert schema["properties"]["label"] == {"type": "string"}


def test_every_object_of_the_schema_is_strict():
    """Strict mode refuses a schema with an optional or an open property, and with it every call."""

    def objects(part):
        if isinstance(part, dict):
            yield from [part] if part.get("type") == "object" else []
            for inner in part.values():
                yield from objects(inner)

    found = list(objects(RESPONSE_FORMAT))
    assert len(found) == 4
    assert all(each["required"] == list(each["properties"]) for each in found)
    assert all(each["additionalProperties"] is False for each in found)


def test_the_rules_name_every_key_of_the_answer():
    """Models without structured output know the keys from the rules alone."""
    for key in RESPONSE_FORMAT["json_schema"]["schema"]["properties"]:
        assert f"\n- {key}: " in RULES


def test_a_given_secret_gives_the_same_bytes_in_every_process(transcript):
    """A batch that goes on after a restart must send what it has sent before."""
    code = "from sessioneval.evaluators.judge_prompt import nonce_of; print(nonce_of('chat-1', b'run-secret'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert other in prompt(POLITE, transcript, secret=b"run-secret")[1]["content"]
    assert nonce_of("chat-1", b"another") != other


def test_a_repair_shows_the_answer_and_asks_the_same_evaluator_again():
    """The judge is told what was wrong; a huge answer is not sent back whole."""
    said, ask = repair(POLITE, "x" * 5_000, "label 'x' is not one of 'yes', 'no'")
    assert (said["role"], len(said["content"])) == ("assistant", 2_000)
    assert ask["content"].startswith("Evaluator: polite\n")
    assert "label 'x' is not one of 'yes', 'no'" in ask["content"]
    assert "Labels: yes, no" in ask["content"]
    assert repair(POLITE, "", "it is empty")[0]["content"] == "(no answer)"


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=50))
def test_any_text_can_be_sent(make_text):
    """Half an emoji from a cut log line must not end a run in a UnicodeEncodeError."""
    for message in repair(POLITE, make_text, make_text):
        message["content"].encode()


def test_a_session_with_lone_surrogates_can_be_judged(make):
    """Hostile ids and texts reach the prompt."""
    hostile = make.transcript(("user", "a\ud83d \x00"), session_id="id\udcff")
    for message in prompt(POLITE, hostile):
        message["content"].encode()
