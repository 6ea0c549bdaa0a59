"""Requests that are huge, malformed, slow, of a wrong type, or look for files: each is answered in time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.interfaces.server.settings import ServerSettings
from extract.pipeline import Extractor
from tests.extract.interfaces.server.served import FACT, JSON, Served, received, serving, until

HEAD = b"POST /extract HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
SOON = 5.0  # seconds in which an answer has come


@pytest.fixture(scope="module")
def strict(tiny_extractor: Extractor) -> Iterator[Served]:
    """A server of low limits and little patience."""
    limits = ServerSettings(
        max_body_bytes=20_000,
        max_texts=3,
        max_chars=5_000,
        max_words=500,
        head_timeout=0.5,
        body_timeout=0.5,
        write_timeout=0.5,
    )
    with serving(tiny_extractor, limits) as server:
        yield server


@pytest.fixture(autouse=True)
def still_serves(strict: Served) -> Iterator[None]:
    """After each attack, the server answers as before and keeps nothing of it."""
    yield
    assert strict.extract({"text": FACT}).status == 200
    until(lambda: strict.health()["waiting_requests"] == 0)


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def is_problem(body: bytes, status: int) -> bool:
    told = json.loads(body)
    return told["status"] == status and "\n" not in told["detail"] and len(told["detail"]) < 500


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"nonsense", 400),
        (b'{"text": "a"} trailing', 400),
        (b'{"text": "\xff\xfe"}', 400),
        (b'\xef\xbb\xbf{"text": "a"}', 400),
        (b'{"text": "\\ud800"}', 400),
        (b"[" * 10_000, 400),
        (b'{"text":' * 2_000, 400),
        (b"\0" * 10_000, 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"1e999", 422),
        (b"{}", 422),
        (b'{"text": null}', 422),
        (b'{"text": 5}', 422),
        (b'{"text": true}', 422),
        (b'{"text": ["a"]}', 422),
        (b'{"text": {"text": "a"}}', 422),
        (b'{"text": "a", "texts": []}', 422),
        (b'{"texts": []}', 422),
        (b'{"texts": ["a"]}', 422),
        (b'{"texts": [{"id": "a"}]}', 422),
        (b'{"texts": {"text": "a"}}', 422),
        (b'{"texts": [{"text": "a"}], "id": "b"}', 422),
        (b'{"text": "a", "id": 7}', 422),
        (b'{"text": "a", "threshold": "0.5"}', 422),
        (b'{"text": "a", "threshold": 1.5}', 422),
        (b'{"text": "a", "threshold": -1e-9}', 422),
        (b'{"text": "a", "threshold": NaN}', 422),
        (b'{"text": "a", "threshold": 1e999}', 422),
        (b'{"text": "a", "threshold": true}', 422),
        (b'{"text": "a", "model": "../../etc/passwd"}', 422),
        (b'{"text": "a", "' + b"n" * 10_000 + b'": 1}', 422),
        (json.dumps({"text": "a", "id": "i" * 1001}).encode(), 422),
        (json.dumps({"texts": [{"text": "a"}] * 4}).encode(), 413),
        (json.dumps({"text": "a" * 5_001}).encode(), 413),
        (json.dumps({"text": "a " * 501}).encode(), 413),
        (json.dumps({"text": "漢" * 501}, ensure_ascii=False).encode(), 413),
        (b'{"text": "' + b"a" * 20_000 + b'"}', 413),
    ],
    ids=lambda value: value[:30].decode("ascii", "replace") if isinstance(value, bytes) else None,
)
def test_body_of_a_wrong_kind_or_size(strict: Served, body: bytes, status: int) -> None:
    started = time.monotonic()
    answer = strict.ask("POST", "/extract", body, JSON)
    assert time.monotonic() - started < SOON
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert is_problem(answer.body, status)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["text", "texts", "id", "threshold"]) | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_JSON)
def test_any_json_is_answered(strict: Served, value: Any) -> None:
    answer = strict.ask("POST", "/extract", json.dumps(value).encode(), JSON)
    assert answer.status in (200, 400, 413, 422)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300))
def test_any_bytes_as_a_body_are_answered(strict: Served, body: bytes) -> None:
    assert strict.ask("POST", "/extract", body, JSON).status in (200, 400, 422)


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/json5",
        "\x7f",
        "a" * 3000,
    ],
)
def test_body_of_another_content_type(strict: Served, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer = strict.ask("POST", "/extract", b'{"text": "a"}', headers)
    assert answer.status == 415 and is_problem(answer.body, 415)


def test_compressed_body_is_refused(strict: Served) -> None:
    answer = strict.ask("POST", "/extract", b"\x1f\x8b", JSON | {"content-encoding": "gzip"})
    assert answer.status == 415


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/assets/../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fsettings.py",
        "/assets/page.html",
        "/assets/tripack.js/",
        "/assets/",
        "//etc/passwd",
        "//extract",
        "/extract/",
        "/EXTRACT",
        "/%00",
        "/health%00.json",
        "/%ff%fe",
        "/.git/config",
        "/static/x",
        "/" + "a/" * 4000,
        "http://169.254.169.254/latest/meta-data",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_path_tricks_find_nothing(strict: Served, method: str, path: str) -> None:
    answer = strict.ask(method, path)
    assert answer.status == 404
    assert is_problem(answer.body, 404)
    assert "location" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "HACK"])
def test_unknown_methods_are_refused(strict: Served, method: str) -> None:
    assert strict.ask(method, "/extract").status == 405
    if method != "GET":
        assert strict.ask(method, "/health").status == 405


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # a TLS greeting
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no host
        b"GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nname : x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbig: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"h: x\r\n" * 20_000 + b"\r\n",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 1e3\r\n\r\n",
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n",
        HEAD + b"content-length: " + b"9" * 300 + b"\r\n\r\n",
        HEAD + b"transfer-encoding: gzip\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nZZ\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
    ],
    ids=lambda sent: sent[-25:].decode("ascii", "replace"),
)
def test_malformed_http_is_answered_and_ended(strict: Served, sent: bytes) -> None:
    started = time.monotonic()
    found = statuses(strict.raw(sent))
    assert time.monotonic() - started < SOON
    assert found == [] or all(400 <= status < 500 or status == 501 for status in found), found
    assert found or len(sent) > 90_000  # of what is too long the answer may be lost with the rest


def test_huge_announced_body_is_refused_before_it_comes(strict: Served) -> None:
    answer = strict.raw(HEAD + b"content-length: 99999999999\r\n\r\n")
    assert statuses(answer) == [413]


def test_endless_chunks_are_refused_at_the_limit(strict: Served) -> None:
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    started = time.monotonic()
    with strict.connect() as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        n_sent = 0
        try:
            while time.monotonic() - started < SOON:
                connection.sendall(chunk)
                n_sent += len(chunk)
        except OSError:
            pass
        assert time.monotonic() - started < SOON, n_sent


def test_endless_chunks_are_told_why(strict: Served) -> None:
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    chunk = b"5000\r\n" + b"a" * 20_480 + b"\r\n"  # one more byte than the limit would do
    assert statuses(strict.raw(head, chunk)) == [413]


def test_large_body_sent_whole_gets_its_answer(strict: Served) -> None:
    answer = strict.ask("POST", "/extract", b"a" * 3_000_000, JSON)
    assert (answer.status, is_problem(answer.body, 413)) == (413, True)
    chunks = (b"a" * 50_000 for _ in range(20))
    assert strict.ask("POST", "/extract", chunks, JSON).status == 413


@pytest.mark.parametrize(
    "head",
    [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nname: "],
)
def test_slow_head_is_ended(strict: Served, head: bytes) -> None:
    started = time.monotonic()
    assert statuses(strict.raw(head)) == [408]
    assert time.monotonic() - started < SOON


def test_head_that_trickles_is_ended(strict: Served) -> None:
    started = time.monotonic()
    answer = strict.raw(b"GET / HTTP/1.1\r\n", *[b"h: x\r\n"] * 50, pause=0.05)
    assert time.monotonic() - started < SOON
    assert statuses(answer) in ([408], [])


def test_silent_connection_is_ended_without_an_answer(strict: Served) -> None:
    started = time.monotonic()
    assert strict.raw() == b""
    assert time.monotonic() - started < SOON


@pytest.mark.parametrize("announced", [b"content-length: 500", b"transfer-encoding: chunked"])
def test_slow_body_is_ended(strict: Served, announced: bytes) -> None:
    started = time.monotonic()
    answer = strict.raw(HEAD + announced + b"\r\n\r\n", b"5\r\n", pause=0.1)
    assert statuses(answer) == [408]
    assert time.monotonic() - started < SOON


def test_body_that_trickles_is_ended(strict: Served) -> None:
    started = time.monotonic()
    strict.raw(HEAD + b"content-length: 5000\r\n\r\n", *[b" "] * 100, pause=0.05)
    assert time.monotonic() - started < SOON


def test_body_that_goes_on_after_the_answer_is_ended(strict: Served) -> None:
    head = b"GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n"
    started = time.monotonic()
    answer = strict.raw(head, *[b" "] * 100, pause=0.05)
    assert time.monotonic() - started < SOON
    assert statuses(answer) in ([200], [])


def test_client_that_takes_no_answer_is_cut_off(strict: Served) -> None:
    script = b"GET /assets/tripack.js HTTP/1.1\r\nhost: x\r\n\r\n"
    with strict.connect() as connection:
        connection.sendall(script * 40)  # far more than the buffers of both sides hold
        until(lambda: strict.service.app.n_active > 0)
        until(lambda: strict.service.app.n_active == 0)
        whole = len(strict.ask("GET", "/assets/tripack.js").body)
        assert len(received(connection)) < 40 * whole


def test_pipelined_requests_are_answered_in_order(strict: Served) -> None:
    body = json.dumps({"text": FACT}).encode()
    one = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    with strict.connect() as connection:
        connection.sendall(one + b"GET /nope HTTP/1.1\r\nhost: x\r\n\r\n" + one)
        assert statuses(received(connection)) == [200, 404, 200]


def test_smuggled_request_is_not_answered(strict: Served) -> None:
    """Of a length and chunks the chunks count, and what follows them is a request of its own or none."""
    smuggled = b"GET /schema HTTP/1.1\r\nhost: x\r\n\r\n"
    sent = HEAD + b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n" % (5 + len(smuggled))
    found = statuses(strict.raw(sent + b"0\r\n\r\n" + smuggled))
    assert found[0] == 400


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",  # no host
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
    ],
)
def test_what_is_no_http_is_answered_as_a_problem(strict: Served, sent: bytes) -> None:
    head, _, body = strict.raw(sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["title"]) == (400, "Bad Request")
    assert "HTTP/1.1" in problem["detail"]


def test_many_open_connections_leave_room(tiny_extractor: Extractor) -> None:
    limits = ServerSettings(max_connections=20, head_timeout=0.5)
    with serving(tiny_extractor, limits) as server:
        held = [server.connect() for _ in range(30)]
        assert server.ask("GET", "/health").status == 503
        until(lambda: server.ask("GET", "/health").status == 200)
        for connection in held:
            connection.close()
