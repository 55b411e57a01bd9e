"""`sessioneval stand-in` with the options of the bench."""

import json
import signal
import subprocess
import sys

import pytest
from openai import OpenAI

from sessioneval.cli.main import main


@pytest.fixture
def serve():
    """Start the command with options; return its base URL."""
    started = []

    def command(*options):
        code = "from sessioneval.cli.main import main; main()"
        arguments = [sys.executable, "-c", code, "stand-in", "--port", "0", *options]
        started.append(subprocess.Popen(arguments, stderr=subprocess.PIPE))
        return started[-1].stderr.readline().decode().split()[-1]

    yield command
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_a_file_of_truths_makes_it_a_noisy_oracle(serve, tmp_path, ask):
    """With leniency of 1 to a cohort its failures pass; the other's do not."""
    rows = [{"first_user_message": f"from {c}", "labels": {"q": "bad"}, "cohort": c} for c in ("a", "b")]
    path = tmp_path / "truth.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    url = serve("--truth", str(path), "--leniency", "b=1", "--latency", "uniform:0,0.01", "--batch-polls", "1")
    with OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        labels = [
            json.loads(
                client.chat.completions.create(model="m", messages=ask("q", ("user", f"from {c}"), labels="good, bad"))
                .choices[0]
                .message.content
            )["label"]
            for c in ("a", "b")
        ]
    assert labels == ["bad", "good"]


def test_limits_refusals_and_caches_are_those_that_were_asked_for(serve):
    """What Python takes, the command takes."""
    url = serve("--rpm", "6000", "--tpm", "600000", "--refuse", "seed", "--prompt-cache", "breakpoint")
    messages = [{"role": "user", "content": "x" * 8000}]
    with OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model="m", messages=messages)
        assert raw.headers["x-ratelimit-limit-tokens"] == "600000"
        assert raw.parse().usage.prompt_tokens_details.cache_write_tokens == 2004
        with pytest.raises(Exception, match="seed"):
            client.chat.completions.create(model="m", messages=messages, seed=1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--latency", "soon"], "latency 'soon' is not allowed"),
        (["--refuse", "magic"], "capability 'magic' is not known"),
        (["--leniency", "b"], "is not COHORT=SHARE"),
        (["--truth", "/no/such/file"], "cannot read the truths"),
        (["--sensitivity", "2"], "sensitivity 2.0 is not allowed"),
    ],
)
def test_wrong_options_are_one_line(options, says, capsys, monkeypatch):
    """The message names the value and what is allowed."""
    monkeypatch.setattr(sys, "argv", ["sessioneval", "stand-in", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
