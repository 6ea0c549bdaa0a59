"""`tripack serve` as a user starts and stops it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError
from extract.interfaces.server.app import Service
from extract.interfaces.server.run import open_port, serve
from extract.interfaces.server.settings import ServerSettings
from extract.pipeline import load
from tests.extract.interfaces.command import (
    ROOT,
    assert_one_line_error,
    command,
    environment,
    run_here,
    tripack,
)

FACT = "Leonard Parker received his PhD from Harvard University in 1967."
_PATIENCE = 120  # seconds
PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")


@contextmanager
def running(*options: object) -> Iterator[tuple[subprocess.Popen[str], http.client.HTTPConnection]]:
    """A server on a free port, and a connection to it."""
    words = command("serve", "--port", 0, *options)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"http://127\.0\.0\.1:(\d+) ", line):
                    break
            else:
                pytest.fail("".join(lines))
            yield process, http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=_PATIENCE)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_after_the_last_answer(tiny_model: Path, number: signal.Signals) -> None:
    with running("--model", tiny_model, "--drain-notice", 1) as (process, connection):
        body = json.dumps({"text": FACT}).encode()
        connection.request("POST", "/extract", body, {"content-type": "application/json"})
        assert (
            json.loads(connection.getresponse().read())["triples"][0]["relation"] == "educated at"
        )
        texts = json.dumps({"texts": [{"text": FACT}] * 200}).encode()
        connection.request("POST", "/extract", texts, {"content-type": "application/json"})
        process.send_signal(number)
        answer = connection.getresponse()
        # Taken before the signal, or refused in words after it; never cut off.
        told = json.loads(answer.read())
        assert (answer.status == 200 and len(told["documents"]) == 200) or answer.status == 503
        connection.close()
        assert process.stderr is not None
        assert process.stderr.read() == "tripack: stopped after the last answer\n"
        assert process.wait(_PATIENCE) == 0


def test_health_says_draining_before_the_port_is_closed(tiny_model: Path) -> None:
    with running("--model", tiny_model, "--drain-notice", 30) as (process, connection):
        connection.request("GET", "/health")
        assert json.loads(connection.getresponse().read())["status"] == "ready"
        process.terminate()
        status = "ready"
        while status == "ready":
            connection.request("GET", "/health")
            status = json.loads(connection.getresponse().read())["status"]
        assert status == "draining"
        process.terminate()  # a second signal ends the notice
        assert process.wait(_PATIENCE) == 0


def test_schema_limits_what_is_given(tmp_path: Path, tiny_model: Path) -> None:
    schema = json.loads((tiny_model / "schema.json").read_text())
    schema["relations"] = [r for r in schema["relations"] if r["name"] != "educated at"]
    schema["qualifiers"] = []
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    with running("--model", tiny_model, "--schema", file) as (_, connection):
        body = json.dumps({"text": FACT}).encode()
        connection.request("POST", "/extract", body, {"content-type": "application/json"})
        assert json.loads(connection.getresponse().read())["triples"] == []


def test_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tripack("serve", "--port", port)
    assert done.returncode == 3
    assert_one_line_error(done.stderr)
    assert f"Cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--host", "no such host"], 3, "Cannot use the address 'no such host'"),
        (["--host", "192.0.2.1"], 3, "Cannot listen on 192.0.2.1 port"),
        (["--port", "99999"], 2, "less than or equal to 65535"),
        (["--api-key-file", "missing"], 3, "Cannot read the API key from missing"),
        (["--max-words", "0"], 3, "max_words of at least 1, got 0"),
        (["--time-limit", "-1"], 3, "time_limit of at least 0.01, got -1.0"),
        (["--port", "0", "--model", "missing"], 5, "missing"),
        (["--schema", "missing.json"], 3, "missing.json"),
    ],
)
def test_bad_options_are_told_in_one_line(
    words: list[str], code: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_here("serve", *words) == code
    told = capfd.readouterr().err
    assert_one_line_error(told)
    assert message in told


def test_every_option_is_on_the_page(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("serve", "--help") == 0
    options = set(re.findall(r"--[a-z-]+", capfd.readouterr().out)) - {"--help", "--debug"}
    assert len(options) > 15 and [option for option in sorted(options) if option not in PAGE] == []


def test_address_that_is_taken_while_the_model_is_loaded_is_one_line(
    tiny_model: Path,
) -> None:
    with open_port("127.0.0.1", 0) as taken, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(taken.getsockname())
        other.listen()
        service = Service(load(tiny_model, device="cpu"), ServerSettings())
        with pytest.raises(InputError, match=r"Cannot listen on 127\.0\.0\.1 port \d+: .*in use"):
            serve(service, taken, lambda: None)


def test_second_signal_ends_it_without_a_traceback(tiny_model: Path) -> None:
    with running("--model", tiny_model, "--threads", 1) as (process, connection):
        body = json.dumps({"text": f"{FACT} " * 1500}).encode()
        asked = [
            http.client.HTTPConnection("127.0.0.1", connection.port, timeout=_PATIENCE)
            for _ in range(8)
        ]
        for one in asked:
            one.request("POST", "/extract", body, {"content-type": "application/json"})

        def health() -> dict[str, Any]:
            connection.request("GET", "/health")
            return dict(json.loads(connection.getresponse().read()))

        while not health()["waiting_requests"]:
            pass
        process.terminate()
        while health()["status"] != "draining":  # a signal that is still pending swallows another
            pass
        process.terminate()
        answers = [one.getresponse() for one in asked]
        assert {answer.status for answer in answers} <= {200, 429, 503}
        n_given_up = sum(
            b"The server is stopping." in answer.read()
            for answer in answers
            if answer.status == 503
        )
        assert process.stderr is not None
        told = process.stderr.read()
        assert re.fullmatch(r"tripack: stopped; requests given up: [1-8]\n", told)
        assert n_given_up >= 1
        assert process.wait(_PATIENCE) == 130
