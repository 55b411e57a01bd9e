"""The stand-in model is not a language model: it answers by these written rules.

Which rule answers
------------------
1. JUDGE, if the last message opens with a line "Evaluator: <name>". It reads the transcript between the lines
   "<<T:NONCE begin>>" and "<<T:NONCE end>>" of the prompt and answers {"explanation", "label"}:
   coherence        incoherent if two assistant messages give one calculation or one subject ("the capital of X is")
                    different values, or if one takes an earlier statement back; else coherent.
   correctness      incorrect if an assistant message states a calculation that is false when computed, or goes
                    against the table of facts below; else correct. Questions, negations, conditions and
                    quotations of the user state nothing.
   frustration      frustrated if a user message holds a marker of frustration or "!!!"; else not_frustrated.
   goal_completion  not_completed if the last user message holds a marker of failure; else completed if it holds
                    one of understanding or thanks; else completed if the last message is an assistant's that is
                    not empty and does not end with a question; else not_completed.
   anything else    the first label on the line "Labels: a, b, c" of the question.
2. A tool that must be called (tool_choice) is called, its arguments filled from what the rule would have said.
3. TUTOR, if the system prompt says "AI tutor teaching <topic>.": follows a lesson plan of questions and hints.
4. STUDENT, if the system prompt says "play a student": guesses, tries, understands, ends with "DONE ...".
   An "impatient" one shows frustration, a "distracted" one only changes the subject.
5. SUPPORT AGENT, if tools are given: looks up the order numbers (such as A-17) that the user names with the tool
   whose name holds "order", refunds after "yes" to its own offer, and reports the tools' JSON results.
6. ECHO, for everything else: says what it is and repeats the first 200 characters of the last user message.

A response_format is honoured: an answer is a JSON object, and properties of the schema that no rule knows get the
emptiest allowed value. Tokens are estimated as 4 characters each, and 4 tokens for each message.
"""

import json

from sessioneval.testing.answer import Answer
from sessioneval.testing.chat_request import ChatRequest
from sessioneval.testing.facts import FACTS
from sessioneval.testing.judge_prompt import judge_prompt
from sessioneval.testing.judge_rules import judge
from sessioneval.testing.lessons import LESSONS
from sessioneval.testing.markers import CONTRADICTION, FRUSTRATION, LEAVING, NOT_REACHED, THANKS, UNDERSTANDING
from sessioneval.testing.schema_values import fill
from sessioneval.testing.student import is_student, student_answer
from sessioneval.testing.support import support_answer
from sessioneval.testing.tutor import tutor_answer, tutor_topic
from sessioneval.testing.verdict import in_shape, verdict_values

ECHO_CHARACTERS = 200


def answer(request: ChatRequest) -> Answer:
    """Return what the rules answer to a request; equal requests get equal answers.

    Example:
        >>> from sessioneval.testing.chat_request import parse_request
        >>> answer(parse_request({"model": "stand-in", "messages": [{"role": "user", "content": "hi"}]})).kind
        'echo'
    """
    prompt = judge_prompt(request)
    if prompt:
        return in_shape(request, "judge", verdict_values(judge(prompt), prompt))
    if request.must_call:
        return support_answer(request)
    return _in_format(request, _spoken(request))


def written_rules() -> str:
    """Return all rules as text, with the lists of phrases and facts they use."""
    lists = {
        "Markers of frustration": FRUSTRATION,
        "Markers of understanding": UNDERSTANDING,
        "Markers of thanks": THANKS,
        "Markers of failure": NOT_REACHED,
        "Markers of leaving (failure, unless something was understood)": LEAVING,
        "Markers of a statement taken back": CONTRADICTION,
        "Facts": dict.fromkeys(fact.says for fact in FACTS),
        "Lesson plans": [lesson.topic for lesson in LESSONS],
    }
    return "\n".join([__doc__ or "", *(f"{title}:\n  " + "\n  ".join(lines) + "\n" for title, lines in lists.items())])


def _spoken(request: ChatRequest) -> Answer:
    topic = tutor_topic(request)
    if topic:
        return tutor_answer(request, topic)
    if is_student(request):
        return student_answer(request)
    return support_answer(request) if request.tools else _echo(request)


def _echo(request: ChatRequest) -> Answer:
    said = (request.texts_of("user") or [""])[-1][:ECHO_CHARACTERS]
    return Answer(kind="echo", text=f"This is the stand-in, not a language model. You said: {said}")


def _in_format(request: ChatRequest, spoken: Answer) -> Answer:
    """Return the answer as the JSON object that was asked for, its text under the first property that takes one."""
    if not request.wants_json or spoken.calls:
        return spoken
    properties = request.schema.get("properties")
    parts = properties.items() if isinstance(properties, dict) else []
    texts = [
        name for name, part in parts if isinstance(part, dict) and part.get("type") == "string" and "enum" not in part
    ]
    values = {texts[0] if texts else "answer": spoken.text}
    return Answer(kind=spoken.kind, text=json.dumps(fill(request.schema, values)))
