"""`sessioneval stand-in`."""

import json
import signal
import urllib.request


def test_it_serves_until_ctrl_c(start):
    """It says where it listens and that it is no language model, and leaves without a word."""
    process = start("stand-in", "--port", "0", "--latency", "0", "--seed", "7", "--rate-limit", "6000")
    line = process.stderr.readline().decode()
    assert line.startswith("the stand-in (not a language model) listens on http://127.0.0.1:")
    with urllib.request.urlopen(f"{line.split()[-1]}/models") as answer:
        assert json.load(answer)["data"][0]["id"] == "stand-in"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")


def test_its_faults_are_those_that_were_asked_for(start):
    """With an error rate of 1 every answer is a 500."""
    process = start("stand-in", "--port", "0", "--error-rate", "1")
    url = process.stderr.readline().decode().split()[-1]
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = urllib.request.Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(_Any)
    with opener.open(request) as answer:
        assert answer.status == 500


class _Any(urllib.request.HTTPErrorProcessor):
    """Hands out error answers like any other."""

    def http_response(self, request, response):
        del request
        return response
