"""Text as two systems may write it."""

from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_4hse.mapping.lenses import text

quick = settings(derandomize=True, max_examples=150)

marks = ["<p>", "</p>", "<br>", "<br />\n", "<div>", "</div>", "<A>", "<b>", "</b>", "<pre>", "</pre>", "<", ">", "&"]
oddities = ["<![if !mso]>", "<![x", "<!--", "-->", "&amp;", "&lt;", "1 < 2", "\r\n", "\r", "\n", "  ", "\u00a0", "\t"]
words = ["Fell from the ladder", '"', "'", "e\u0301", "é", "\u0338", "…", "שלום", "👩\u200d🚒", "\u200b"]
pieces = st.sampled_from([*marks, *oddities, *words])
writings = st.one_of(
    st.lists(pieces, max_size=8).map("".join),
    st.lists(pieces, max_size=8).map(lambda parts: "<p>" + "".join(parts) + "</p>"),
    st.text(max_size=40),
)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (None, None),
        ("", None),
        (" \n\t\n", None),
        ("<p></p>", None),
        ("<p><br></p>", None),
        (109, "109"),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a  \nb\t\n\n", "a\nb"),
        ("\n\n  a", "  a"),
        ("a\u00a0b", "a b"),
        ("Cafe\u0301", "Café"),
        ("Gas in <A> and <b>, 1 < 2 & 3", "Gas in <A> and <b>, 1 < 2 & 3"),
        ("<b>bold</b> and more", "<b>bold</b> and more"),
        ("&amp; stays in plain text", "&amp; stays in plain text"),
        ("<p>Pat &amp; Jo&nbsp;&lt;A&gt;</p>", "Pat & Jo <A>"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<p>one</p>\n<p>two</p>\n", "one\ntwo"),
        ("<P CLASS='x'>one<br>two<br/>three</P>", "one\ntwo\nthree"),
        ("<p>one<br />\ntwo</p>", "one\ntwo"),
        ("<p>one\n   goes on</p>", "one goes on"),
        ("<div>\n  <p>one</p>\n</div>", "one"),
        ("<pre>one\n  two</pre>", "one\n  two"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<p>one</p><p><br></p><p>two</p>", "one\n\ntwo"),
        ("<p>before <![if !mso]>after</p>", "before after"),
        ("<p>before <![x> after</p>", "before  after"),
    ],
)
def test_what_counts_of_a_writing(written: object, means: str | None) -> None:
    assert text.canonical(written) == means


@given(writings)
@quick
def test_every_writing_can_be_read_and_a_plain_one_is_read_the_same_again(written: str) -> None:
    once = text.canonical(written)
    if once is not None and not text.is_html(once):
        assert text.canonical(once) == once


@given(writings, st.one_of(st.none(), writings))
@quick
def test_what_is_rendered_means_what_was_to_be_written(written: str, present: str | None) -> None:
    value = text.canonical(written)
    assert text.canonical(text.rendered(value, like=present)) == value


@given(writings, writings)
@quick
def test_html_stays_html_and_plain_stays_plain(written: str, present: str) -> None:
    value = text.canonical(written)
    sent = text.rendered(value, like=present)
    assert text.is_html(sent) == (text.is_html(present) or text.is_html(value or ""))


def test_text_written_into_html_is_escaped() -> None:
    assert text.rendered("a <b> & c\nd", like="<p>x</p>") == "<p>a &lt;b&gt; &amp; c<br>d</p>"


def test_text_that_looks_like_html_is_sent_so_that_it_is_read_as_text() -> None:
    sent = text.rendered("<p>a</p>", like=None)
    assert sent == f"<p>{escape('<p>a</p>', quote=False)}</p>"
    assert text.canonical(sent) == "<p>a</p>"


def test_empty_text_is_written_as_an_empty_text() -> None:
    assert text.rendered(None, like=None) == ""
    assert text.canonical(text.rendered(None, like="<p>x</p>")) is None


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("<p>x</p>", True),
        ("  <div>x</div>\n", True),
        ("x<p>y</p>", False),
        ("<p>x", False),
        ("<A>", False),
        ("", False),
    ],
)
def test_one_enclosing_block_makes_html(written: str, answer: bool) -> None:
    assert text.is_html(written) is answer


@pytest.mark.parametrize(
    ("sent", "stored", "answer"),
    [(" a  b\n", "a b", True), (None, "", True), ("a", "b", False), ("a b", "ab", False), ("A", "a", False)],
)
def test_a_server_that_only_removed_blanks_rewrote_the_text(sent: str | None, stored: str, answer: bool) -> None:
    assert text.is_rewrite(sent, stored) is answer


def test_matching_ignores_case_and_blanks_of_titles() -> None:
    assert text.normalised_title("  FALL from\u00a0 Straße ") == text.normalised_title("fall FROM strasse")


def test_words_are_told_apart_by_anything_that_is_no_letter_or_digit() -> None:
    assert text.words_of("Fell, fell; 2m (ladder)") == {"fell", "2m", "ladder"}
    assert text.words_of(None) == frozenset()
