"""Formulas become MathML while the pages are built: browsers draw it by themselves, without a script from elsewhere."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    content = _BLOCK.sub(lambda m: convert(html.unescape(m[1]).strip(), display="block"), content)
    return _INLINE.sub(lambda m: convert(html.unescape(m[1])), content)
