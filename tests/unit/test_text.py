"""Text as two systems may write it."""

import re
from collections.abc import Callable
from html import escape
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kept_texts import ODD, ODD_KEPT
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
        ("<p>one</p><ul><li>two</li></ul>", "one\ntwo"),
        ("<p>one</p><div><br></div>", "one"),
        ("<!-- pasted --><p>one</p><!-- end -->", "one"),
        ("<!doctype html><html><head><title>t</title></head><body>one</body></html>", "one"),
        ("<meta charset='utf-8'><p>one</p>", "one"),
        ("<style>p {}</style><p>one</p>", "one"),
        ("one<p>two</p>", "one<p>two</p>"),
        ("<A>one</A>", "<A>one</A>"),
        ("<p>&amp;lt;b&amp;gt; &amp;amp;</p>", "&lt;b&gt; &amp;"),
        ("<p>\n&nbsp; one<br />\n&nbsp;two</p>", "  one\n two"),
        ("<p>one</pre>two\n  three</p>", "one\ntwo three"),
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


# The text of a page of HTML ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "means"),
    [
        ("<table><tr><td>a</td><td>b</td></tr><tr><th>c</th><td>d</td></tr></table>", "a b\nc d"),
        ("<table><tr><td>a</td>\n <td>b</td> <td>c</td></tr></table>", "a b c"),
        ("<table><tr><td></td><td>b</td><td> c</td><td>&nbsp;d</td></tr></table>", "b c d"),
        ("<table><caption>t</caption><tr><td><p>a</p></td><td><p>b</p></td></tr></table>", "t\na\nb"),
        ("<dl><dt>a</dt><dd>b</dd><dt>c</dt><dd>d</dd></dl>", "a\nb\nc\nd"),
        ("<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>", "a\nb\nc"),
        ("a<hr>b<hr/>c", "a\nb\nc"),
        ("a<script>if (x < 1) { '<p>' }</script>b", "ab"),
        ("a<STYLE type='text/css'>p > b {}</STYLE >b", "ab"),
        ("a<template>x<template>y</template>z</template>b", "ab"),
        ("<head><meta charset='utf-8'>x<title>t</title></head>a<header>b</header>", "a\nb"),
        ("<title>t</title>a<script/>b<title/>c", "abc"),
        ("a<!-- x > y -->b<!---->c<!--[if mso]><p>x</p><![endif]-->d<!-- e --!>f", "abcdf"),
        ("a<?xml version='1.0'?>b</ x>c</>d", "abcd"),
        ("<a title='x > y'>a</a><a title=\"</p>\">b</a><a href=x/>c</a><a title=it's>d</a>", "abcd"),
        ("<o:p>a</o:p><unknown-one>b</unknown-one>", "ab"),
        ("<pre>a\n  b</pre>c\n d", "a\n  b\nc d"),
        ("1 < 2 & 3 > 2 <3", "1 < 2 & 3 > 2 <3"),
    ],
)
def test_a_page_reads_as_what_it_shows(page: str, means: str) -> None:
    assert text.of_html(page) == means


@pytest.mark.parametrize(
    "name",
    [
        *("figure", "figcaption", "section", "article", "aside", "header", "footer", "nav", "main", "address", "form"),
        *("details", "summary", "fieldset", "legend", "dl", "dt", "dd", "li", "caption", "menu", "h1", "blockquote"),
    ],
)
def test_a_block_begins_and_ends_a_line(name: str) -> None:
    assert text.of_html(f"a<{name} class='x'>b</{name}>c") == "a\nb\nc"


@pytest.mark.parametrize(
    ("page", "means"),
    [
        ("a<script>b", "ab"),
        ("a<!-- b", "a<!-- b"),
        ("a<!-- b <b>c</b>", "a<!-- b c"),
        ("a <b", "a <b"),
        ("<p title='a>b</p>c", "b\nc"),
        ("<p title='a'>b <i x='>' c", "b  ' c".replace("  ", " ")),
        ("</p></div></pre>a\nb", "a b"),
        ("\ud83d <p>\udc00 \x00</p>", "\ud83d\n\udc00 \x00"),
        ("&#xD800;&#0;&#x110000;&bogus;&#;&", "\ufffd\ufffd\ufffd&bogus;&#;&"),
        (f"&#{'9' * 5000};&#{'0' * 5000}65;", "\ufffdA"),
    ],
)
def test_broken_html_loses_no_text(page: str, means: str) -> None:
    assert text.of_html(page) == means


@given(st.lists(pieces, max_size=12).map("".join) | st.text(st.characters(), max_size=40))
@quick
def test_nothing_is_too_broken_to_be_read(page: str) -> None:
    assert text.of_html(page) is None or text.of_html(page) == text.tidied(text.of_html(page) or "")


@pytest.mark.one_case_in(5)
@pytest.mark.parametrize(
    "piece",
    [
        *("<!--", "<!-->", "<a ", "<a=\"'", '<a=">" ', "<a='\">", "<", "</", "</p ", "<p", "<![x", "<?", "--", "<td> "),
        *(
            "<script>",
            "<template>",
            "</template>",
            "<head>",
            "<title>",
            "<p><b>",
            "&",
            "&#",
            "&#9",
            "&nbsp;",
            "= ",
            "\r",
        ),
    ],
)
@pytest.mark.parametrize("around", ["{}", "<p>{}</p>", "<p>{}'></p>"])
def test_reading_takes_time_in_proportion_to_the_length(piece: str, around: str) -> None:
    page = around.format(piece * 20_000)
    begun = process_time()
    text.canonical(page)
    text.of_html(page)
    assert process_time() - begun < 5, "a reading that starts over at each piece takes minutes"


def test_neither_deep_nesting_nor_long_runs_of_blanks_slow_it_down() -> None:
    begun = process_time()
    assert text.of_html("<div><b>" * 10_000 + "x" + "</b></div>" * 10_000) == "x"
    assert text.canonical("<p>a" + " \t" * 50_000 + "b</p>") == "a" + " \t" * 50_000 + "b"
    assert not text.is_html(" " * 100_000 + "<p>a</p>b" + " " * 100_000)
    assert process_time() - begun < 5


# What an editor makes of what we wrote ----------------------------------------------------------------------------


def as_paragraphs(page: str) -> str:
    lines = page.removeprefix("<p>").removesuffix("</p>").split("<br>")
    return "\n".join(f"<p>{line or '&nbsp;'}</p>" for line in lines)


def as_divisions(page: str) -> str:
    lines = page.removeprefix("<p>").removesuffix("</p>").split("<br>")
    return "".join(f"<div>{line or '<br>'}</div>" for line in lines)


EDITORS: dict[str, Callable[[str], str]] = {
    "closes breaks": lambda page: page.replace("<br>", "<br />"),
    "breaks lines of the source": lambda page: page.replace("<br>", "<br />\r\n"),
    "adds an empty paragraph": lambda page: page + "<p><br></p>",
    "adds an empty division": lambda page: page + "\n<div><br></div>\n",
    "adds a break": lambda page: page.replace("</p>", "<br></p>"),
    "wraps": lambda page: f"<div>\n  {page}\n</div>",
    "makes paragraphs": as_paragraphs,
    "makes divisions": as_divisions,
    "names classes": lambda page: page.replace("<p>", '<p class="a-b" style=\'margin: 0; font-family: "A>B"\'>'),
    "spans": lambda page: page.replace("<p>", "<p><span lang='it'>").replace("</p>", "</span></p>"),
    "keeps blanks": lambda page: page.replace("  ", "&nbsp; ").replace("&nbsp;", "\u00a0"),
    "removes blanks that nobody sees": lambda page: re.sub(r" +", " ", page).replace("<br> ", "<br>"),
    "shouts": lambda page: page.replace("<p>", "<P>").replace("</p>", "</P>").replace("<br>", "<BR>"),
    "names characters": lambda page: re.sub(r"[^\x00-\x9f]", lambda one: f"&#{ord(one[0])};", page),
    "comments": lambda page: f"<!--StartFragment-->{page}<!--EndFragment-->",
    "makes a page": lambda page: f"<html><head><style>p {{}}</style></head><body>{page}</body></html>",
}
typed = st.lists(
    st.sampled_from([*oddities, *words, "<A>", "<p>", "</p>", "<script>", "&nbsp;", "&amp;lt;", "    ", "\n\n"]),
    max_size=9,
).map("".join) | st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.mark.one_case_in(3)
@pytest.mark.parametrize("editor", EDITORS.values(), ids=list(EDITORS))
@given(written=typed)
@quick
def test_an_editor_that_saves_what_we_wrote_changes_nothing(editor: Callable[[str], str], written: str) -> None:
    value = text.tidied(written)
    sent = text.rendered(value, like="<p>x</p>")
    assert text.canonical(sent) == value
    assert text.canonical(editor(sent)) == value
    assert text.of_html(editor(text.as_html(value))) == value


def test_blanks_that_a_page_would_not_show_are_written_so_that_it_does() -> None:
    assert text.as_html("a  b   c\n  d") == "<p>a&nbsp; b&nbsp;&nbsp; c<br>&nbsp; d</p>"


def test_empty_text_is_written_as_an_empty_text() -> None:
    assert text.rendered(None, like=None) == ""
    assert text.canonical(text.rendered(None, like="<p>x</p>")) is None


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("<p>x</p>", True),
        ("<section>x</section>", True),
        ("<h1>x</h1>\n<p>y</p>&nbsp;<br />\n", True),
        ("<p>x</p>y", False),
        ("<li>x</li>", False),
        ("  <div>x</div>\n", True),
        ("x<p>y</p>", False),
        ("<p>x", False),
        ("<A>", False),
        ("", False),
    ],
)
def test_a_text_between_blocks_is_html(written: str, answer: bool) -> None:
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


@pytest.mark.parametrize("kept", [ODD, *ODD_KEPT.values(), "Jo & co", "<b>Jo…", "<b>Jo ...", "e\u0301"[:0]])
def test_what_a_server_leaves_of_a_text_is_a_part_of_it(kept: str) -> None:
    assert text.is_part(ODD, kept)


@pytest.mark.parametrize("other", ["Another text", ODD + ", and more", "co", "<b>Ann"])
def test_what_people_write_is_no_part_of_it(other: str) -> None:
    assert not text.is_part(ODD, other)


def test_unicode_s_two_forms_of_one_letter_begin_alike() -> None:
    assert text.is_part("Perch\u00e9 cadde", "Perche\u0301")
