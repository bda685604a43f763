"""A page stands alone and shows texts as they are."""

from __future__ import annotations

import base64
import hashlib
import html
import re

from maskgen.drawing.page import CLIPPED, facts, picture, plain, render_page, table


def test_texts_are_escaped_clipped_and_printable() -> None:
    assert plain("<a href=\"x\" b='y'>&") == "&lt;a href=&quot;x&quot; b=&#x27;y&#x27;&gt;&amp;"
    assert plain("a\nb\x00\u202e\udc80") == "a\\nb\\x00\\u202e\\udc80"
    assert plain("é猫") == "é猫"
    long = plain("x" * 100 + "y" * 900)
    assert (len(long), long[0], long[-1]) == (CLIPPED, "x", "y")
    assert html.unescape(plain("<" * 999)).count("<") == CLIPPED - 1


def test_only_the_pages_own_script_may_run() -> None:
    script = "let a = 1 < 2;"
    page = render_page("t", ["<p>x</p>"], script)
    seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert f"script-src 'sha256-{seal}'" in policy[1]
    assert f"<script>{script}</script>" in page
    assert policy[1].startswith("default-src 'none'")
    assert "<script" not in render_page("t", [])


def test_pictures_have_words_and_sizes() -> None:
    found = picture(b"\xff\xd8", 'a "cat"', (30, 40))
    assert 'alt="a &quot;cat&quot;"' in found
    assert 'width="40" height="30" loading="lazy"' in found
    assert found.endswith(f'base64,{base64.b64encode(bytes([255, 216])).decode()}">')


def test_tables_show_numbers_to_the_right_and_nothing_for_none() -> None:
    found = table([("a", 1234, 0.25, None, "<")], ("name", "count"), marks='id="t"')
    assert '<td class="n">1,234</td><td class="n">0.2500</td><td></td><td>&lt;</td>' in found
    assert '<table id="t"><thead><tr><th scope="col">name</th>' in found
    assert "<thead>" not in table([("a",)])


def test_facts_are_names_and_values() -> None:
    assert "<dt>a&amp;b</dt><dd>[1, 2]</dd>" in facts({"a&b": [1, 2]})
