"""The connection: requests in pieces, one behind the other, large, or no HTTP at all."""

import json
import socket
from urllib.parse import urlsplit

import pytest

from sessioneval.testing import http_connection
from sessioneval.testing.server import StandIn

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture
def talk(server):
    """Send bytes and read until as many answers came, or the server closed."""
    address = urlsplit(server.base_url)

    def said(*pieces, answers=1):
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            for piece in pieces:
                connection.sendall(piece)
            got = b""
            while got.count(b"\r\n\r\n") < answers or not got.endswith(b"}"):
                piece = connection.recv(65_536)
                if not piece:
                    break
                got += piece
            return got

    return said


def request(body=BODY):
    return HEAD + b"content-length: %d\r\n\r\n%s" % (len(body), body)


def test_a_request_may_come_byte_by_byte(talk):
    """Networks cut where they like."""
    whole = request()
    assert talk(*(whole[n : n + 1] for n in range(len(whole)))).startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_one_behind_the_other_are_answered_in_order(talk):
    """HTTP pipelining."""
    bodies = [BODY.replace(b"hi", b"text-%d" % n) for n in range(5)]
    got = talk(b"".join(map(request, bodies)), answers=5)
    assert [got.find(b"text-%d" % n) for n in range(5)] == sorted(got.find(b"text-%d" % n) for n in range(5))
    assert got.count(b"HTTP/1.1 200 OK") == 5


def test_a_chunked_body_is_read(talk):
    """Clients that stream do not know the length."""
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert b"200 OK" in talk(chunked)


def test_who_asks_before_it_sends_the_body_is_told_to(talk):
    """Curl does so with large files."""
    head, body = request().split(b"\r\n\r\n")
    got = talk(head + b"\r\nexpect: 100-continue\r\n\r\n", body, answers=2)
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert b"200 OK" in got


def test_a_client_that_wants_no_further_request_is_let_go(talk):
    """The connection is closed behind the answer."""
    got = talk(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY), answers=9)
    assert b"connection: close" in got


@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", b"GET / HTTP/9.9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_what_is_no_http_is_refused_and_closed(talk, sent):
    """TLS on a plain port, for one."""
    assert b"400 Bad Request" in talk(sent, answers=9)


def test_a_body_that_is_too_large_is_refused(connect, monkeypatch):
    """Memory is bounded; the limit leaves room for the largest batch file."""
    assert http_connection.MAX_BODY_BYTES > 200 * 1024 * 1024
    monkeypatch.setattr(http_connection, "MAX_BODY_BYTES", 1000)
    with StandIn() as server, pytest.raises(Exception, match=r"Request Entity Too Large|Content Too Large|Connection"):
        connect(server).chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * 5000}])
