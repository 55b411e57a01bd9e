"""A running stand-in, and prompts in the form that judges use."""

import json

import pytest
from openai import OpenAI

from sessioneval.testing.chat_request import parse_request
from sessioneval.testing.judge_prompt import FencedMessage, JudgePrompt, judge_prompt
from sessioneval.testing.judge_rules import judge
from sessioneval.testing.server import StandIn


@pytest.fixture(scope="session")
def server():
    """One stand-in without faults; tests that look at its counts start their own."""
    with StandIn() as running:
        yield running


@pytest.fixture(scope="session")
def client(server):
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as openai:
        yield openai


@pytest.fixture
def connect():
    """Make clients that are closed when the test ends."""
    clients = []

    def connected(running, **options):
        options = {"api_key": "none", "max_retries": 0} | options
        clients.append(OpenAI(base_url=running.base_url, **options))
        return clients[-1]

    yield connected
    for made in clients:
        made.close()


@pytest.fixture
def fence():
    """Write messages, given as (role, text), as a fenced transcript."""

    def fenced(*messages, nonce="5eed"):
        lines = [f"<<T:{nonce} begin>>"]
        for index, (role, text) in enumerate(messages):
            lines += [f"<<T:{nonce} {index} {role}>>", text.replace("<<T:", "\\u{3c}<T:")]
        return "\n".join([*lines, f"<<T:{nonce} end>>"])

    return fenced


@pytest.fixture
def ask(fence):
    """Write the three messages of a judge about a session."""

    def asked(evaluator, *messages, labels="a, b"):
        question = f"Evaluator: {evaluator}\nHow was it?\n\nLabels: {labels}"
        texts = ("Judge what is between the fences.", fence(*messages), question)
        return [{"role": role, "content": text} for role, text in zip(("system", "user", "user"), texts, strict=True)]

    return asked


@pytest.fixture
def read():
    """Read messages of a request as a judge's prompt."""
    return lambda messages: judge_prompt(parse_request({"model": "m", "messages": messages}))


@pytest.fixture
def verdict():
    """Judge a session, given as (role, text), by one evaluator's rule."""

    def judged(evaluator, *messages):
        fenced = tuple(FencedMessage(index=i, role=role, name="", text=text) for i, (role, text) in enumerate(messages))
        return judge(JudgePrompt(evaluator=evaluator, labels=(), messages=fenced))

    return judged


@pytest.fixture
def order_tools():
    """Two tools of a shop: one looks up an order, one refunds it."""

    def tool(name, *required):
        properties = {key: {"type": "string"} for key in required} | {"note": {"type": "string"}}
        parameters = {"type": "object", "properties": properties, "required": list(required)}
        return {"type": "function", "function": {"name": name, "parameters": parameters}}

    return [tool("get_order", "order_id"), tool("refund_order", "order_id", "reason")]


@pytest.fixture
def answer_text():
    """Return the JSON of a completion's text."""
    return lambda completion: json.loads(completion.choices[0].message.content)
