"""Reading a page as a person does: its text, its rows, its links."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.test import Client


def get_text(client: Client, address: str, **headers: str) -> str:
    """Return a page's text on one line, without tags; the page must answer 200."""
    response = client.get(address, headers=headers or None)
    assert response.status_code == 200, (address, response.status_code)
    return text_of(response)


def text_of(response: Any) -> str:
    """Return the text of an answer's main part on one line, without tags and without what fields suggest."""
    body = response.content.decode().split("<main", 1)[-1].split("</main>", 1)[0]
    body = re.sub(r"<datalist.*?</datalist>", "", body, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def get_csv(client: Client, address: str) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    response = client.get(address)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/csv")
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content)))


def links_of(client: Client, address: str) -> set[str]:
    """Return where a page's links lead."""
    response = client.get(address)
    return set(re.findall(r'href="([^"#]+)"', unescape(response.content.decode())))
