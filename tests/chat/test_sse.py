"""The format of server-sent events."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from chat.sse import comment, event, last_event_id


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("one", b"data: one\n"),
        ("", b"data: \n"),
        ("one\ntwo", b"data: one\ndata: two\n"),
        ("one\r\ntwo\rthree\n", b"data: one\ndata: two\ndata: three\ndata: \n"),
        ("a\u2028b\x85c\x0bd", "data: a\u2028b\x85c\x0bd\n".encode()),
        ("event: done", b"data: event: done\n"),
    ],
)
def test_data_is_kept_line_by_line(data: str, lines: bytes):
    assert event("tail", data) == b"event: tail\n" + lines + b"\n"


def test_an_id_is_sent_where_there_is_one_zero_included():
    assert event("block", "x", id_=0) == b"event: block\nid: 0\ndata: x\n\n"


def test_a_comment_is_no_event():
    assert comment() == b":\n\n"


@pytest.mark.parametrize(
    ("header", "offset"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("123", 123),
        ("-1", None),
        ("1e3", None),
        ("٣", None),
        ("1" * 10, None),
    ],
)
def test_only_an_offset_of_ours_is_taken(header: str | None, offset: int | None):
    headers = {} if header is None else {"Last-Event-ID": header}
    assert last_event_id(RequestFactory().get("/", headers=headers)) == offset
