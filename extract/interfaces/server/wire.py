"""Requests and answers of `/extract`, as they are read and as the OpenAPI page describes them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from extract.interfaces.server.problems import Problem

_MAX_ID = 1_000  # characters
_SHOWN = 3  # faults of a request that are named


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NamedText(_Strict):
    """A text of several."""

    id: str | None = Field(None, max_length=_MAX_ID, description='Default: "doc-1", "doc-2", ...')
    text: str


class ExtractRequest(_Strict):
    """One text, or several."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"text": "Leonard Parker received his PhD from Harvard University in 1967."}
            ]
        },
    )

    text: str | None = Field(None, description="The text. Either this or `texts`.")
    id: str | None = Field(None, max_length=_MAX_ID, description='Of `text`; default: "doc-1".')
    texts: list[NamedText] | None = Field(None, min_length=1, description="Several texts.")
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Least score of triples and qualifiers; default: the model's own.",
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> ExtractRequest:
        if (self.text is None) == (self.texts is None):
            got = "neither" if self.text is None else "both"
            raise ValueError(f"expected either text or texts, got {got}")
        if self.texts is not None and self.id is not None:
            raise ValueError("got an id beside texts, expected one within each of them")
        return self

    def named(self) -> list[tuple[str, str]]:
        """The texts with their ids."""
        if self.text is not None:
            return [(_id(self.id, 1), self.text)]
        return [(_id(each.id, n), each.text) for n, each in enumerate(self.texts or (), start=1)]


def _id(given: str | None, number: int) -> str:
    return f"doc-{number}" if given is None else given


def read_request(body: bytes) -> ExtractRequest:
    """A request's body, read. Raises `Problem`: 400 if it is no JSON, 422 that names the first faults."""
    try:
        return ExtractRequest.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        raise Problem(400, f"{found[0]['msg']}.")
    told = [f"{_place(each['loc'])}{each['msg']}" for each in found[:_SHOWN]]
    if len(found) > _SHOWN:
        told.append(f"and {len(found) - _SHOWN} more")
    raise Problem(422, "; ".join(told) + ".")


def _place(loc: tuple[int | str, ...]) -> str:
    """Where a fault is, shortened: names of fields come from the client."""
    path = ".".join(str(part)[:40] for part in loc[:4])
    return f"{path}: " if path else ""


class MentionAnswer(_Strict):
    """Words of the text; `start` and `end` are characters (code points), half-open."""

    text: str
    start: int
    end: int
    label: str


class EntityAnswer(MentionAnswer):
    """An entity that was found."""

    score: float


class QualifierAnswer(_Strict):
    """What qualifies a triple."""

    label: str
    label_id: str | None
    value: MentionAnswer
    score: float


class TripleAnswer(_Strict):
    """A fact; `score` is the probability that it is right, `sentence` the characters it stands in."""

    subject: MentionAnswer
    relation: str
    relation_id: str | None
    object: MentionAnswer
    qualifiers: list[QualifierAnswer]
    score: float
    sentence: tuple[int, int] | None = Field(strict=False)


class DocumentAnswer(_Strict):
    """A text and what was found in it: the object of one line of JSON Lines."""

    id: str
    text: str
    entities: list[EntityAnswer]
    triples: list[TripleAnswer]
    model: str


class DocumentsAnswer(_Strict):
    """Several texts, in the order of the request."""

    documents: list[DocumentAnswer]


class ProblemAnswer(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    title: str
    status: int
    detail: str


class HealthAnswer(BaseModel):
    """Whether the server takes requests, and how much it has to do."""

    status: str = Field(description="ready, draining or failed")
    model: str
    waiting_requests: int
    waiting_words: int
    words_per_second: float = Field(description="What the model read in its last large batches.")


def request_schema() -> dict[str, Any]:
    """The JSON Schema of a request without references, to stand anywhere in an OpenAPI document."""
    schema = ExtractRequest.model_json_schema(ref_template="{model}")
    parts = schema.pop("$defs")

    def whole(node: Any) -> Any:
        if isinstance(node, dict):
            return (
                whole(parts[node["$ref"]])
                if "$ref" in node
                else {k: whole(v) for k, v in node.items()}
            )
        return [whole(each) for each in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = whole(schema)
    return resolved
