"""Removing the API key from texts: `redact_url`, and the scrubbing of the panel's answers."""

import pytest
from yarl import URL

from vairosms_async import redact_url
from vairosms_async._endpoint import make_endpoint, read_settings


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        pytest.param("https://x/52?api_key=gizli", "https://x/52?api_key=***", id="str"),
        pytest.param(
            URL("https://x/52?api_key=gizli&a=1"), "https://x/52?api_key=***&a=1", id="yarl.URL"
        ),
        pytest.param(
            "https://x/52?a=1&api_key=gi%2Fz#f", "https://x/52?a=1&api_key=***#f", id="fragment"
        ),
        pytest.param(
            "https://x/52?api_key=gizli%26anahtar%3d&a=1",
            "https://x/52?api_key=***&a=1",
            id="encoded ampersand in the key",
        ),
        pytest.param("https://x/52?API_KEY=gizli", "https://x/52?API_KEY=***", id="upper case"),
        pytest.param(
            "https://x/52?api%5Fkey=gizli", "https://x/52?api%5Fkey=***", id="encoded underscore"
        ),
        pytest.param("https://x/52?api_key=a;b,c", "https://x/52?api_key=***", id="punctuation"),
        pytest.param(
            'GET "https://x/52?api_key=gizli" 200',
            'GET "https://x/52?api_key=***" 200',
            id="URL in a text",
        ),
        pytest.param("a?api_key=x b?api_key=y", "a?api_key=*** b?api_key=***", id="two URLs"),
        pytest.param("https://x/52?api_key=", "https://x/52?api_key=***", id="empty key"),
        pytest.param("https://x/52?q=1", "https://x/52?q=1", id="no key"),
        pytest.param(
            "https://y/?u=https%3A%2F%2Fx%3Fapi_key%3Dgizli%26a%3D1",
            "https://y/?u=https%3A%2F%2Fx%3Fapi_key%3D***%26a%3D1",
            id="URL in a URL",
        ),
        pytest.param(
            "y?u=x%253Fapi%255Fkey%253Dgizli%2526a",
            "y?u=x%253Fapi%255Fkey%253D***%2526a",
            id="URL encoded twice",
        ),
        pytest.param(
            r'{"u": "x?api_key\u003dgizli"}', r'{"u": "x?api_key\u003d***"}', id="JSON escape"
        ),
    ],
)
def test_redact_url_replaces_the_value_of_api_key(url, redacted):
    assert redact_url(url) == redacted
    assert redact_url(redacted) == redacted


@pytest.mark.parametrize(
    ("key", "text", "scrubbed"),
    [
        pytest.param("key", "api_key=key, key!", "api_key=***, ***!", id="short key, as a word"),
        pytest.param(
            "key", "api_key bilgisi, monkeys", "api_key bilgisi, monkeys", id="short key, in words"
        ),
        pytest.param("uzunanahtar", "xuzunanahtarx", "x***x", id="long key, in a word"),
        pytest.param("a1b2c3d4", "%611b2c3d4", "***", id="partly percent-encoded"),
        pytest.param("😀😀😀😀😀😀😀😀", r"\ud83d\ude00" * 8, "***", id="surrogate pairs"),
        pytest.param("a\"b'c<d>e\\f", "a&quot;b&#39;c&lt;d&gt;e\\\\f", "***", id="HTML and JSON"),
    ],
)
def test_scrub_replaces_the_key_in_every_encoding(key, text, scrubbed):
    endpoint = make_endpoint(read_settings(key, "https://x.example"), allow_insecure_http=False)
    assert endpoint.scrub(text.encode()).decode() == scrubbed
