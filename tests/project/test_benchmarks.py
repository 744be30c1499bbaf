"""The tables of the benchmarks, and the arithmetic behind it. Nothing is measured here."""

import re

from tests.benchmarks import compare, report
from tests.helpers import ROOT
from tests.project.documents import README, TURKISH

RESULTS = ROOT / "docs" / "benchmarks"


def test_both_readmes_show_the_stored_results():
    summary = report.summary(report.read(RESULTS))
    assert f"{report.BEGIN}\n{summary}\n{report.END}" in README
    assert f"{report.BEGIN}\n{report.turkish(summary)}\n{report.END}" in TURKISH


def test_the_site_shows_all_stored_results():
    results = report.read(RESULTS)
    assert (RESULTS / "table.md").read_text("utf-8") == report.table(results) + "\n"
    assert (RESULTS / "breakdown.md").read_text("utf-8") == report.breakdown(results) + "\n"


def test_the_turkish_table_has_no_english_words():
    summary = report.turkish(report.summary(report.read(RESULTS)))
    assert not re.search(r"hand|lookup|emory|second|packet|\d,\d{3}|\.\d\d\b", summary)


def test_a_new_table_replaces_only_the_old_one(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    table = report.table(report.read(RESULTS))
    for _ in range(2):
        report.put_into(readme, table)
        text = readme.read_text("utf-8")
        assert text == f"before\n{report.BEGIN}\n{table}\n{report.END}\nafter\n"


def test_contenders_take_turns_and_are_compared_round_by_round():
    calls = []

    def contender(name, costs):
        def measure():
            calls.append(name)
            return {"cpu": costs.pop(0)}

        return measure

    # In the second round the machine is half as fast. "a" costs half as much as "b" in rounds 1, 2.
    contenders = {"a": contender("a", [1.0, 2.0, 1.0]), "b": contender("b", [2.0, 4.0, 1.0])}
    costs = compare.in_turns(contenders, 3)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert compare.ratio(costs, "a", "b", "cpu") == {"median": 0.5, "low": 0.5, "high": 1.0}
    assert compare.middle(costs["b"], "cpu") == 2.0
