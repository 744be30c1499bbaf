"""The panel's two documented answers, with another id."""

import json
from pathlib import Path

_FIXTURES = Path(__file__).parent.parent / "fixtures"


def answer_json(gonderim_id: int | str, *, failed: bool = False) -> str:
    """Return the documented answer about a sent or a failed packet, on one line."""
    answer = json.loads((_FIXTURES / f"gonderim_{61 if failed else 52}.json").read_text())
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    old = answer["aciklama"]["id"]
    return text.replace(f'"id":{old},', f'"id":{gonderim_id},', 1)
