"""Ways to damage a file: its bytes, its lines, and the values of its JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

# What breaks readers: ends, marks, escapes, numbers that are too large, nesting that is too deep.
TOKENS = (
    *(b"\xff", b"\x00", b"\n", b"\r\n", b"\r", b"]", b"}", b"[", b"{", b"\t", b'"', b"'", b"\\", b","),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xc2\x85", b"\xf0\x9f\x98\x80"),
    *(b"NaN", b"-1", b"1e9", b"1e999", b"-Infinity", b"0", b"true", b"null", b'"\\ud800"', b"\\ud83d"),
    *(b"9" * 19, b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"x" * 3000, b"a=" * 100, b"[[a]]\n"),
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.sampled_from([2**31, 2**63, 10**25, -(10**25)])
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "a\nb", "\0", "é" * 3000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with one to three places flipped, cut, doubled, moved or overwritten."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 30)))
        part = content[start:end]
        new = draw(
            st.sampled_from(["flip", "cut", "double", "token", "token", "bytes", "end", "move"])
        )
        if new == "flip" and part:
            bit = draw(st.integers(0, 8 * len(part) - 1))
            part = bytes(b ^ (1 << bit % 8) if i == bit // 8 else b for i, b in enumerate(part))
        elif new == "cut":
            part = b""
        elif new == "double":
            part = part * draw(st.integers(2, 5))
        elif new == "token":
            part = draw(st.sampled_from(TOKENS))
        elif new == "bytes":
            part = draw(st.binary(max_size=40))
        elif new == "end":
            end, part = len(content), b""
        else:
            part, end = content[end : end + 40], end
        content = content[:start] + part + content[end:]
    return content


@st.composite
def rewritten(draw: st.DrawFn, content: bytes) -> bytes:
    """The whole content in another form: line ends, a mark at its start, another encoding, repeated."""
    form = draw(
        st.sampled_from(["cr", "crlf", "mixed", "mark", "utf-16", "latin", "twice", "tail"])
    )
    if form in ("cr", "crlf"):
        return content.replace(b"\n", b"\r" if form == "cr" else b"\r\n")
    if form == "mixed":
        ends = draw(
            st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\r", b"\n\n"]), min_size=1)
        )
        lines = content.split(b"\n")
        return b"".join(line + ends[i % len(ends)] for i, line in enumerate(lines))
    if form == "mark":
        return b"\xef\xbb\xbf" * draw(st.integers(1, 2)) + content
    if form == "utf-16":
        return content.decode("utf-8", "replace").encode("utf-16")
    if form == "latin":
        return content.decode("utf-8", "replace").encode("latin-1", "replace") + b"\xe9"
    return content + (content if form == "twice" else b"\0" * 100)


def nodes(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [n for key in keys for n in nodes(value[key])]


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value with one or two values replaced, doubled or left out."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 2))):
        found = nodes(value)
        if found:
            container, key = draw(st.sampled_from(found))
            if draw(st.booleans()):
                container[key] = draw(VALUES)
            elif isinstance(container, list):
                container.append(container[key])
            else:
                del container[key]
    return value


def records(content: bytes) -> list[Any] | None:
    """The JSON values of a JSON file or of the lines of a JSON Lines file; None if it is neither."""
    try:
        return [json.loads(content)]
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in content.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None
