"""What is written for people: out of templates, which stand in the folder ``templates`` of the package that fills them in."""

from __future__ import annotations

from functools import cache

import jinja2


@cache
def templates(package: str) -> jinja2.Environment:
    """The templates of a package. Values are escaped in those of HTML; one that a template misses is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
