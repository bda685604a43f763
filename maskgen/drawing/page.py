"""HTML pages that hold all they need: one file, no other host, light and dark, on paper too."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

CLIPPED = 200
"""Characters of a text from the data; of a longer one the middle is left out."""
GENERATOR = '<meta name="generator" content="maskgen">'
"""By this a page of ours is told from others."""


def render_page(title: str, parts: Iterable[str], script: str = "") -> str:
    """A page of some parts, in the style of ``page.css``.

    The page forbids itself whatever it does not hold (Content-Security-Policy): should a text slip through
    unescaped, no script in it runs and nothing is fetched.

    Args:
        title: plain text.
        parts: HTML, in which every text has been through `plain`.
        script: JavaScript that runs once the page is there.

    Example:
        >>> from maskgen.drawing.page import render_page
        >>> page = render_page("Masks & more", ["<h1>Masks</h1>"])
        >>> "<title>Masks &amp; more</title>" in page, "script-src" in page
        (True, False)
    """
    allowed = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    if script:
        seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed += f"; script-src 'sha256-{seal}'"
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">',
        GENERATOR,
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<link rel="icon" href="data:,">',
        f"<title>{plain(title)}</title>",
        f"<style>{_style()}</style>",
        "</head>",
        "<body>",
        *parts,
        *([f"<script>{script}</script>"] if script else []),
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines)


@cache
def _style() -> str:
    return files("maskgen.drawing").joinpath("page.css").read_text(encoding="utf-8")


def plain(text: object, most: int = CLIPPED) -> str:
    r"""A text from the data as HTML that shows it: escaped, clipped, what cannot be printed written out.

    Args:
        text: anything; its `str` is meant.
        most: characters.

    Example:
        >>> from maskgen.drawing.page import plain
        >>> plain("<b>\u202e"), plain("abcdefgh", 5)
        ('&lt;b&gt;\\u202e', 'ab…gh')
    """
    told = str(text)
    if len(told) > most:
        end = (most - 1) // 2
        told = f"{told[: most - 1 - end]}…{told[len(told) - end :]}"
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in told)
    return html.escape("".join(shown))


def picture(jpeg: bytes, words: str, size: tuple[int, int] | None = None) -> str:
    """An image element with a JPEG in it, drawn only when it comes into view.

    Args:
        jpeg: the file's bytes.
        words: what it shows, for those who do not see it.
        size: (height, width), px, so that the page does not jump when it is drawn.

    Example:
        >>> from maskgen.drawing.page import picture
        >>> picture(b"jpeg", "a <cat>")
        '<img alt="a &lt;cat&gt;" loading="lazy" decoding="async" src="data:image/jpeg;base64,anBlZw==">'
    """
    sides = f' width="{size[1]}" height="{size[0]}"' if size else ""
    data = base64.b64encode(jpeg).decode()
    return (
        f'<img alt="{plain(words)}"{sides} loading="lazy" decoding="async" '
        f'src="data:image/jpeg;base64,{data}">'
    )


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = (), *, marks: str = "") -> str:
    """A table of texts and numbers; numbers stand to the right.

    Args:
        rows: a float is shown with four digits behind the point, None as nothing.
        head: names of the columns.
        marks: attributes of the element.

    Example:
        >>> from maskgen.drawing.page import table
        >>> '<tr><td>a&amp;b</td><td class="n">0.5000</td></tr>' in table([("a&b", 0.5)])
        True
    """
    names = "".join(f'<th scope="col">{plain(name)}</th>' for name in head)
    top = f"<thead><tr>{names}</tr></thead>" if head else ""
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="wide"><table{marks and " " + marks}>{top}<tbody>{body}</tbody></table></div>'


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f'<td class="n">{f"{value:.4f}" if isinstance(value, float) else f"{value:,}"}</td>'
    return f"<td>{'' if value is None else plain(value)}</td>"


def facts(values: Mapping[str, object], most: int = CLIPPED) -> str:
    """Names and what is known of them, as a list of definitions.

    Example:
        >>> from maskgen.drawing.page import facts
        >>> facts({"method": "rbd"})
        '<dl class="facts"><dt>method</dt><dd>rbd</dd></dl>'
    """
    rows = "".join(f"<dt>{plain(name)}</dt><dd>{plain(value, most)}</dd>" for name, value in values.items())
    return f'<dl class="facts">{rows}</dl>'
