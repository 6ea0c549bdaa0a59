"""What the server answers to those who mean well."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from extract.interfaces.io.writers import JsonLinesWriter
from extract.interfaces.server.settings import ServerSettings
from extract.interfaces.server.wire import DocumentAnswer, DocumentsAnswer
from extract.pipeline import Extractor
from tests.extract.interfaces.server.served import FACT, Served, serving

KEY = "a-key-of-some-length"


def line(extractor: Extractor, text: str, name: str, threshold: float | None = None) -> bytes:
    """What `tripack extract` writes."""
    (document,) = extractor.extract([(name, text)], threshold=threshold)
    return JsonLinesWriter().render(document).rstrip("\n").encode()


def test_one_text_gives_the_line_of_json_lines(served: Served, tiny_extractor: Extractor) -> None:
    answer = served.extract({"text": FACT, "id": "é 1"})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.body == line(tiny_extractor, FACT, "é 1")
    assert len(answer.json["triples"]) == 1
    assert served.extract({"text": FACT}).json["id"] == "doc-1"
    DocumentAnswer.model_validate_json(answer.body)


def test_several_texts_come_back_in_order(served: Served, tiny_extractor: Extractor) -> None:
    texts = [FACT, "", "Nothing.", FACT + " " + FACT]
    request = {"texts": [{"text": text} for text in texts]}
    request["texts"][1]["id"] = "own"
    answer = served.extract(request)
    names = ["doc-1", "own", "doc-3", "doc-4"]
    expected = [
        json.loads(line(tiny_extractor, text, name))
        for text, name in zip(texts, names, strict=True)
    ]
    assert answer.json == {"documents": expected}
    DocumentsAnswer.model_validate_json(answer.body)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "\0",
        "\x1b[31m",
        "😀👩‍🔬 Zoë",
        "נולד דוד",
        "a" * 50_000,
        "<script>",
        "\u202e",
        "\ufeff",
    ],
)
def test_any_text_is_read(served: Served, text: str) -> None:
    answer = served.extract({"text": text})
    assert (answer.status, answer.json["text"]) == (200, text)


def test_requests_at_once_get_their_own_answers(served: Served, tiny_extractor: Extractor) -> None:
    requests: list[dict[str, Any]] = [
        {"text": f"{FACT} Number {n}.", "id": f"{n}", "threshold": 1.0 if n % 3 == 0 else 0.1}
        for n in range(40)
    ]
    with ThreadPoolExecutor(20) as pool:
        answers = [*pool.map(served.extract, requests)]
    for request, answer in zip(requests, answers, strict=True):
        assert answer.status == 200
        expected = line(tiny_extractor, request["text"], request["id"], request["threshold"])
        assert answer.json == close(json.loads(expected))


def close(document: object) -> object:
    """Equal to a document whose scores differ by rounding, as other batches make them."""
    if isinstance(document, dict):
        return {key: close(value) for key, value in document.items()}
    if isinstance(document, list):
        return [close(value) for value in document]
    return pytest.approx(document, abs=1e-3) if isinstance(document, float) else document


def test_schema_is_the_models(served: Served, tiny_extractor: Extractor) -> None:
    assert served.ask("GET", "/schema").json == json.loads(
        json.dumps(tiny_extractor.schema.to_dict())
    )


def test_health_tells_the_model(served: Served, tiny_extractor: Extractor) -> None:
    answer = served.ask("GET", "/health")
    assert (answer.status, answer.json["status"]) == (200, "ready")
    assert answer.json["model"] == tiny_extractor.full_name
    assert answer.json["words_per_second"] > 0


def count(served: Served, name: str) -> float:
    text = served.ask("GET", "/metrics").body.decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_count_answers_documents_and_words(served: Served) -> None:
    answered, documents, words = (
        'tripack_requests_total{path="/extract",status="200"}',
        "tripack_documents_total",
        "tripack_words_total",
    )
    before = [count(served, name) for name in (answered, documents, words)]
    served.extract({"texts": [{"text": "One two three."}, {"text": "Four."}]})
    after = [count(served, name) for name in (answered, documents, words)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 2, 6]
    lost = 'tripack_requests_total{path="other",status="404"}'
    before_lost = count(served, lost)
    for path in ("/one", "/two"):
        served.ask("GET", path)
    assert count(served, lost) == before_lost + 2
    assert count(served, "tripack_waiting_words") == 0
    assert count(served, "process_resident_memory_bytes") > 1e6


def test_openapi_describes_what_is_answered(served: Served) -> None:
    described = served.ask("GET", "/openapi.json").json
    assert set(described["paths"]) == {"/extract", "/health", "/schema", "/metrics"}
    operation = described["paths"]["/extract"]["post"]
    assert {"200", "400", "401", "408", "413", "415", "422", "429", "503"} <= set(
        operation["responses"]
    )
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert {"text", "id", "texts", "threshold"} == set(schema["properties"])
    for example in schema["examples"]:
        assert served.extract(example).status == 200
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert names <= set(described["components"]["schemas"])


def test_pages_load_nothing_from_elsewhere(served: Served) -> None:
    for path in ("/", "/docs", "/assets/tripack.css"):
        answer = served.ask("GET", path)
        assert answer.status == 200
        assert "//" not in re.sub(r"http://HOST/|/\*.*?\*/", "", answer.body.decode(), flags=re.S)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_key_opens_what_is_closed(tiny_extractor: Extractor) -> None:
    with serving(tiny_extractor, ServerSettings(api_key=KEY)) as server:
        closed = [("POST", "/extract"), ("GET", "/schema"), ("GET", "/metrics")]
        wrong = ["", "x", KEY[:-1], KEY + "x", "é" * 20, "x" * 5000]
        for method, path in closed:
            for key in wrong:
                sent = {"x-api-key": key.encode("latin-1").decode("latin-1")}
                answer = server.ask(method, path, None, sent)
                assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert server.ask(method, path, None, {"authorization": f"Basic {KEY}"}).status == 401
        for header in ({"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}):
            assert server.extract({"text": FACT}, **header).status == 200
            assert server.ask("GET", "/schema", None, header).status == 200
        for path in ("/", "/health", "/docs", "/openapi.json"):
            answer = server.ask("GET", path)
            assert answer.status == 200 and KEY.encode() not in answer.body


def test_wrong_key_is_refused_before_the_body_is_read(tiny_extractor: Extractor) -> None:
    with serving(tiny_extractor, ServerSettings(api_key=KEY)) as server:
        started = time.monotonic()
        with server.connect() as connection:
            connection.sendall(
                b"POST /extract HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b"content-length: 1000\r\n\r\n"
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")
        assert time.monotonic() - started < 5
