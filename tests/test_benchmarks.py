"""What README says of the benchmarks, and their arithmetic. What they measure is no test."""

from pathlib import Path

from tests.benchmarks import compare, report

HERE = Path(__file__).parent


def test_readme_shows_the_results():
    results = report.read(HERE / "benchmarks")
    assert report.table(results) in (HERE.parent / "README.md").read_text("utf-8")


def test_readme_keeps_the_rest(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    results = report.read(HERE / "benchmarks")
    for _ in range(2):
        report.put_into(readme, results)
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
