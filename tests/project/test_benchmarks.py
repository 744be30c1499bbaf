"""What README says of the benchmarks, and their arithmetic. What they measure is no test."""

import re

from tests.benchmarks import compare, report
from tests.helpers import ROOT
from tests.project.readme import README, TURKISH

RESULTS = ROOT / "docs" / "benchmarks"


def test_both_readmes_show_the_results():
    table = report.table(report.read(RESULTS))
    assert table in README
    assert report.turkish(table) in TURKISH
    assert not re.search(
        r"hand|lookup|worker[^l0-9 ']|memory|answer|times|cores", report.turkish(table)
    )


def test_readme_keeps_the_rest(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    results = report.read(RESULTS)
    for _ in range(2):
        report.put_into(readme, report.table(results))
        text = readme.read_text("utf-8")
        assert text == f"before\n{report.BEGIN}\n{report.table(results)}\n{report.END}\nafter\n"


def test_contenders_take_turns_and_are_compared_round_by_round():
    calls = []

    def contender(name, costs):
        def measure():
            calls.append(name)
            return {"cpu": costs.pop(0)}

        return measure

    # The machine is twice as slow in the second round; a costs half of b in each.
    contenders = {"a": contender("a", [1.0, 2.0, 1.0]), "b": contender("b", [2.0, 4.0, 1.0])}
    costs = compare.in_turns(contenders, 3)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert compare.ratio(costs, "a", "b", "cpu") == {"median": 0.5, "low": 0.5, "high": 1.0}
    assert compare.middle(costs["b"], "cpu") == 2.0
