"""Requests gathered, refused, given up and kept apart."""

from __future__ import annotations

import logging
import time

import pytest

from extract.interfaces.server.settings import ServerSettings
from tests.extract.interfaces.server.served import (
    FACT,
    Answer,
    Asking,
    Gated,
    hold,
    serving,
    until,
    waiting,
)


def test_requests_that_wait_are_read_together(gated: Gated) -> None:
    with serving(gated, ServerSettings(batch_words=100)) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        for number in range(6):
            asking.ask({"text": f"Number {number}."})
        until(lambda: waiting(served) == 6)
        gated.asked.clear()
        gated.gate.set()
        answers = asking.answers()
        assert [answer.status for answer in answers] == [200] * 7
        assert [answer.json["text"] for answer in answers[1:]] == [f"Number {n}." for n in range(6)]
        assert [sorted(texts) for texts in gated.asked] == [[f"Number {n}." for n in range(6)]]


def test_batches_hold_no_more_words_than_they_may(gated: Gated) -> None:
    with serving(gated, ServerSettings(batch_words=10)) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        for _ in range(5):
            asking.ask({"text": "one two three four"})
        until(lambda: waiting(served) == 5)
        asking.ask({"text": "word " * 30})
        until(lambda: waiting(served) == 6)
        gated.asked.clear()
        gated.gate.set()
        assert [answer.status for answer in asking.answers()] == [200] * 7
        assert sorted(len(texts) for texts in gated.asked) == [1, 1, 2, 2]


def test_thresholds_are_not_mixed(gated: Gated) -> None:
    with serving(gated) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        for number in range(4):
            asking.ask({"text": FACT, "threshold": 0.0 if number % 2 else 1.0})
        until(lambda: waiting(served) == 4)
        gated.gate.set()
        assert [answer.status for answer in asking.answers()] == [200] * 5
        assert sorted(map(len, gated.asked[-2:])) == [2, 2]
        assert set(gated.thresholds[-2:]) == {0.0, 1.0}


def assert_told_when_to_return(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.body
    assert 1 <= int(answer.headers["retry-after"]) <= 120


def test_full_queue_refuses_at_once_and_recovers(gated: Gated) -> None:
    limits = ServerSettings(max_words=50, waiting_words=50)
    with serving(gated, limits) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        for _ in range(5):
            asking.ask({"text": "word " * 10})
        until(lambda: waiting(served) == 5)
        started = time.monotonic()
        assert_told_when_to_return(served.extract({"text": "more"}), 429)
        assert time.monotonic() - started < 5
        gated.gate.set()
        assert [answer.status for answer in asking.answers()] == [200] * 6
        assert served.extract({"text": "more"}).status == 200


def test_what_would_come_too_late_is_refused(gated: Gated) -> None:
    limits = ServerSettings(time_limit=0.05, batch_words=50)
    with serving(gated, limits) as served:
        asking = Asking(served)
        gated.gate.clear()
        asking.ask({"text": "Held."})
        until(lambda: served.service.batcher._running_words > 0)
        assert_told_when_to_return(served.extract({"text": "word " * 15_000}), 429)
        gated.gate.set()
        asking.answers()


def test_time_limit_ends_a_request_that_waits_and_one_that_runs(gated: Gated) -> None:
    with serving(gated, ServerSettings(time_limit=0.3)) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        started = time.monotonic()
        assert_told_when_to_return(served.extract({"text": "Waits."}), 503)
        assert 0.25 < time.monotonic() - started < 5
        assert_told_when_to_return(asking.answers()[0], 503)
        assert waiting(served) == 0
        gated.gate.set()
        until(lambda: served.extract({"text": "Later."}).status == 200)
        assert ["Waits."] not in gated.asked  # nobody would have read the answer


def test_client_that_goes_gives_up_its_place(gated: Gated) -> None:
    with serving(gated) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        with served.connect() as connection:
            connection.sendall(
                b"POST /extract HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b'content-length: 16\r\n\r\n{"text": "Gone"}'
            )
            until(lambda: waiting(served) == 1)
        until(lambda: waiting(served) == 0)
        gated.gate.set()
        assert asking.answers()[0].status == 200
        assert ["Gone"] not in gated.asked


def test_text_that_fails_does_not_fail_others(
    gated: Gated, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("extract").propagate = True  # the command line turns it off
    with serving(gated) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        for text in ("One.", Gated.POISON, "Two."):
            asking.ask({"text": text})
        until(lambda: waiting(served) == 3)
        with caplog.at_level(logging.ERROR):
            gated.gate.set()
            answers = {answer.json.get("text"): answer for answer in asking.answers()}
        assert {answers[text].status for text in ("Held.", "One.", "Two.")} == {200}
        failed = answers[None]
        assert failed.status == 500 and "stumbled" not in failed.json["detail"]
        assert "stumbled" in caplog.text
        assert served.health()["status"] == "ready"


def test_draining_answers_what_was_taken_and_nothing_new(gated: Gated) -> None:
    with serving(gated, ServerSettings(drain_notice=0.2)) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        served.service.draining = True
        health = served.ask("GET", "/health")
        assert (health.status, health.json["status"]) == (503, "draining")
        assert_told_when_to_return(served.extract({"text": "New."}), 503)
        gated.gate.set()
        assert asking.answers()[0].status == 200


def test_what_is_abandoned_is_told_so_whether_it_runs_or_waits(
    gated: Gated, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(gated) as served:
        asking = Asking(served)
        hold(served, gated, asking)
        asking.ask({"text": "Waits."})
        until(lambda: waiting(served) == 1)
        served.service.batcher.abandon()
        answers = asking.answers()
        assert [answer.status for answer in answers] == [503, 503]
        assert {answer.json["detail"] for answer in answers} == {"The server is stopping."}
        assert served.extract({"text": "Later."}).status == 503
        gated.gate.set()
        until(lambda: not served.service.batcher.alive)  # the thread ends by itself
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
