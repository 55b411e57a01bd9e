"""The Batch API through the real client: every status, every limit, nothing billed twice, nothing waited for."""

import io
import json
import urllib.error
import urllib.request

import openai
import pytest

from sessioneval.errors import InputError
from sessioneval.testing.batch_script import BatchScript
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn


def line(custom_id, text="hi", **fields):
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body} | fields


def upload(client, lines, name="in.jsonl"):
    content = "".join((entry if isinstance(entry, str) else json.dumps(entry)) + "\n" for entry in lines)
    return client.files.create(file=(name, io.BytesIO(content.encode())), purpose="batch")


def create(client, lines, **fields):
    source = upload(client, lines)
    return client.batches.create(
        input_file_id=source.id, endpoint="/v1/chat/completions", completion_window="24h", **fields
    )


def ended(client, batch, looks=10):
    """Look until the batch has ended; return it and the statuses seen."""
    statuses = [batch.status]
    for _ in range(looks):
        batch = client.batches.retrieve(batch.id)
        statuses.append(batch.status)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch, statuses
    raise AssertionError(statuses)


def results(client, file_id):
    text = client.files.content(file_id).text
    return {entry["custom_id"]: entry for entry in map(json.loads, text.splitlines())}


@pytest.fixture
def bench(connect):
    """A stand-in with a script, and a client of it."""
    servers = []

    def started(faults=None, **options):
        servers.append(StandIn(faults, **options))
        server = servers[-1].__enter__()
        return server, connect(server)

    yield started
    for server in servers:
        server.__exit__(None, None, None)


def test_a_batch_goes_through_its_statuses_by_looks_and_answers_everything(bench):
    """No test has to wait: the third look finds it completed."""
    _, client = bench()
    batch, statuses = ended(
        client, create(client, [line(f"r{n}", f"text {n}") for n in range(10)], metadata={"k": "v"})
    )
    assert statuses == ["validating", "in_progress", "finalizing", "completed"]
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (10, 10, 0)
    assert (batch.error_file_id, batch.metadata) == (None, {"k": "v"})
    answers = results(client, batch.output_file_id)
    assert {
        key: entry["response"]["body"]["choices"][0]["message"]["content"][-6:] for key, entry in answers.items()
    } == {f"r{n}": f"text {n}" for n in range(10)}
    assert list(answers) != [f"r{n}" for n in range(10)], "results come in any order"


def test_a_batch_costs_half_and_counts_like_calls(bench, ask):
    """Batch usage is billed at half price, and its answers are finished evaluations."""
    server, client = bench(batches=BatchScript(polls=1))
    body = {"model": "m", "messages": ask("coherence", ("user", "hello"), labels="coherent, incoherent")}
    batch, statuses = ended(client, create(client, [line("a", body=body)]))
    assert statuses == ["validating", "completed"]
    usage = results(client, batch.output_file_id)["a"]["response"]["body"]["usage"]
    bill = server.stats["bill"]
    assert bill["billed_input_tokens"] == usage["prompt_tokens"] / 2
    assert bill["billed_output_tokens"] == usage["completion_tokens"] / 2
    assert [evaluator for _, evaluator in server.evaluations] == ["coherence"]
    client.chat.completions.create(**body)
    assert server.stats["evaluations"] == {"finished": 2, "different": 1, "asked_again": 1}


def test_a_batch_that_expires_keeps_what_was_answered(bench):
    """The rest stands in the error file with the provider's code, and was neither asked nor billed."""
    server, client = bench(batches=BatchScript(expires={1: 4}))
    batch, statuses = ended(client, create(client, [line(f"r{n}", f"t{n}") for n in range(10)]))
    assert statuses[-1] == "expired"
    assert len(results(client, batch.output_file_id)) == 4
    lost = results(client, batch.error_file_id)
    assert {(entry["response"], entry["error"]["code"]) for entry in lost.values()} == {(None, "batch_expired")}
    assert len(lost) == 6
    assert (server.stats["requests"], server.stats["bill"]["calls"]) == (4, 4)
    second, _ = ended(client, create(client, [line(key) for key in lost]))
    assert (second.status, second.request_counts.completed) == ("completed", 6)


def test_a_partly_failed_batch_has_two_files(bench):
    """Requests that fail keep their status and error; the batch is completed all the same."""
    server, client = bench(batches=BatchScript(polls=2, fails={1: 3}))
    batch, _ = ended(client, create(client, [line(f"r{n}", f"t{n}") for n in range(10)]))
    assert batch.status == "completed"
    assert (batch.request_counts.completed, batch.request_counts.failed) == (7, 3)
    failed = results(client, batch.error_file_id)
    assert {entry["response"]["status_code"] for entry in failed.values()} == {500}
    assert all("error" in entry["response"]["body"] and entry["error"] is None for entry in failed.values())
    assert server.stats["bill"]["calls"] == 7


def test_a_cancelled_batch_keeps_what_was_answered(bench):
    """Cancelling takes effect at the next look."""
    _, client = bench(batches=BatchScript(polls=4))
    batch = create(client, [line(f"r{n}", f"t{n}") for n in range(8)])
    client.batches.retrieve(batch.id)
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch, _ = ended(client, batch)
    assert batch.status == "cancelled"
    assert len(results(client, batch.output_file_id)) == 2
    codes = {entry["error"]["code"] for entry in results(client, batch.error_file_id).values()}
    assert codes == {"batch_cancelled"}


@pytest.mark.parametrize(
    ("lines", "script", "code", "at"),
    [
        ([line("a"), line("a")], {}, "duplicate_custom_id", 2),
        (["{"], {}, "invalid_json_line", 1),
        ([""], {}, "empty_file", None),
        ([line("a"), {"custom_id": "b"}], {}, "missing_required_parameter", 2),
        ([line("a", url="/v1/embeddings")], {}, "url_mismatch", 1),
        ([line("a", body="text")], {}, "missing_required_parameter", 1),
        ([line("a"), line("b"), line("c")], {"max_requests": 2}, "too_many_tasks", None),
        ([line("a")], {"max_bytes": 20}, "file_too_large", None),
        ([line("a", "x" * 4000)], {"enqueued_token_limit": 500}, "token_limit_exceeded", None),
        ([line("a")], {"invalid": frozenset({1})}, "invalid_json_line", 1),
    ],
)
def test_a_broken_file_fails_its_batch_with_the_providers_code(bench, lines, script, code, at):
    """Providers accept the file and the batch, and tell at the first look."""
    server, client = bench(batches=BatchScript(**script))
    batch, statuses = ended(client, create(client, lines))
    assert statuses == ["validating", "failed"]
    assert (batch.errors.data[0].code, batch.errors.data[0].line) == (code, at)
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert server.stats["requests"] == 0


def test_the_limits_are_the_providers():
    """50,000 requests and 200 MB a file."""
    assert (BatchScript().max_requests, BatchScript().max_bytes) == (50_000, 200 * 1024 * 1024)


def test_content_faults_reach_batches_and_connection_faults_do_not(bench):
    """A batch never hangs, but its answers may be as bad as any."""
    _, client = bench(Faults(refusal_rate=1), batches=BatchScript(polls=1))
    batch, _ = ended(client, create(client, [line("a")]))
    assert results(client, batch.output_file_id)["a"]["response"]["body"]["choices"][0]["message"]["refusal"]
    _, client = bench(Faults(hang_rate=1), batches=BatchScript(polls=1))
    assert ended(client, create(client, [line("a", stream=True)]))[0].request_counts.completed == 1


def test_a_bad_request_in_a_batch_is_an_error_line(bench):
    """One bad line stops no other."""
    _, client = bench(batches=BatchScript(polls=1))
    bad = {"model": "m", "messages": []}
    batch, _ = ended(
        client, create(client, [line("a", body=bad), line("b", body={**line("b")["body"], "stream": True})])
    )
    assert results(client, batch.error_file_id)["a"]["response"]["status_code"] == 400
    assert results(client, batch.output_file_id)["b"]["response"]["body"]["object"] == "chat.completion"


def test_batches_are_listed_in_pages_and_survive_a_reset_of_the_counts(bench):
    """A client that lost its ids finds them again."""
    server, client = bench()
    made = [create(client, [line("a")]).id for _ in range(5)]
    server.reset()
    assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]
    assert [file.purpose for file in client.files.list()] == ["batch"] * 5


def test_files_can_be_shown_and_deleted(bench):
    """What was uploaded comes back byte for byte."""
    _, client = bench()
    source = upload(client, [line("é\r\n--x")])
    assert client.files.retrieve(source.id).bytes == len(client.files.content(source.id).content)
    assert client.files.content(source.id).content == (json.dumps(line("é\r\n--x")) + "\n").encode()
    assert client.files.delete(source.id).deleted
    with pytest.raises(openai.NotFoundError, match="No such File"):
        client.files.retrieve(source.id)


def test_wrong_requests_are_refused_at_once(bench):
    """What the provider checks before it makes a batch."""
    _, client = bench()
    source = upload(client, [line("a")]).id
    wanted = {"input_file_id": source, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    for wrong in ({"input_file_id": "file-0"}, {"endpoint": "/v1/embeddings"}, {"completion_window": "1h"}):
        with pytest.raises(openai.BadRequestError, match="Invalid"):
            client.batches.create(**wanted | wrong)
    for call in (client.batches.retrieve, client.batches.cancel):
        with pytest.raises(openai.NotFoundError, match="No batch found"):
            call("batch_0")
    with pytest.raises(openai.BadRequestError, match=r"Must be \.jsonl"):
        upload(client, [line("a")], name="in.txt")
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("in.jsonl", b""), purpose="assistants")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"input_file_id": 7}'])
def test_bodies_that_are_no_batches_are_refused(bench, body):
    """One clear 400."""
    server, _ = bench()
    request = urllib.request.Request(f"{server.base_url}/batches", data=body)
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request):
        pass
    with refused.value as error:
        assert error.code == 400
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{server.base_url}/files", data=body))
    with refused.value as error:
        assert "multipart" in error.read().decode()


@pytest.mark.parametrize("values", [{"polls": 0}, {"max_requests": 0}, {"expires": {0: 1}}, {"fails": {1: -1}}])
def test_impossible_scripts_are_refused(values):
    """The message names the value and what is allowed."""
    with pytest.raises(InputError, match="is not allowed: "):
        BatchScript(**values)


def test_an_answerer_that_raises_is_an_error_line(bench):
    """A batch comes to its end whatever happens in it."""

    def broken(_request):
        raise ValueError("no idea")

    _, client = bench(batches=BatchScript(polls=1), answerer=broken)
    batch, _ = ended(client, create(client, [line("a")]))
    assert results(client, batch.error_file_id)["a"]["response"]["status_code"] == 500


def test_a_batch_that_has_ended_stays_as_it_is(bench):
    """Looking again, or cancelling, asks and bills nothing."""
    server, client = bench(batches=BatchScript(polls=1))
    batch, _ = ended(client, create(client, [line("a")]))
    client.batches.cancel(batch.id)
    assert client.batches.retrieve(batch.id) == batch
    assert server.stats["bill"]["calls"] == 1
