"""What a sweep tries, and how it ranks what came of it."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from scipy.stats import spearmanr

from nodeflow.run_store.run_records import dumps
from nodeflow.sweeps.grid_and_random_trials import Trial, trials
from nodeflow.sweeps.results import DONE, Result, correlations, plain, ranked, ranks, result_of
from nodeflow.sweeps.value_specs import SpecProblem, spec_of


def spec(text: str, name: str = "a.b"):
    found = spec_of(name, text)
    assert found is not None
    return found


@pytest.mark.parametrize("text", ["5", "0.5", "relu", "true", '"x"', "1e-3", "-2"])
def test_a_single_value_does_not_vary(text: str):
    assert spec_of("a.b", text) is None


def test_lists_and_whole_numbers_have_all_their_values():
    assert spec('[1, "two", null, 0.5]').all == (1, "two", None, 0.5)
    assert spec("int:-1..3").all == (-1, 0, 1, 2, 3)
    assert spec("0.1..0.5").all is None and spec("int:0..100000").all is None


@pytest.mark.parametrize(
    "text, said",
    [
        ("[]", "is empty"),
        ("[1, 2", "is no list"),
        ("5..1", "holds nothing"),
        ("log:0..1", "begins above 0, not at 0"),
        ("log:-1..1", "begins above 0, not at -1"),
        ("int:0.5..3", "no range of whole numbers"),
        ("a..b", "is no range. Write 0.1..0.5"),
        ("log:1..", "is no range"),
    ],
)
def test_what_cannot_be_tried_is_said(text: str, said: str):
    with pytest.raises(SpecProblem, match=said) as caught:
        spec_of("train.rate", text)
    assert "train.rate" in str(caught.value)


@pytest.mark.parametrize("text", ["0.1..0.5", "log:1e-4..1", "int:-1..8", '[1, "two", [3], null]'])
def test_a_spec_is_written_as_it_is_read(text: str):
    assert spec_of("a.b", spec(text).text) == spec(text)


@pytest.mark.parametrize(
    "text, quantiles",
    [
        ("0.1..0.5", [0.2, 0.3, 0.4]),
        ("log:1e-4..1", [1e-3, 1e-2, 1e-1]),
        ("int:1..8", [2.5, 4.5, 6.5]),
        ("[1, 2, 3, 4]", [1.5, 2.5, 3.5]),
    ],
)
def test_draws_are_spread_over_the_range(text: str, quantiles: list[float]):
    drawn = np.array([spec(text).draw(1, n) for n in range(4000)], float)
    low, high = (spec(text).low, spec(text).high) if ".." in text else (1, 4)
    assert low <= drawn.min() and drawn.max() <= high
    for part, border in zip((0.25, 0.5, 0.75), quantiles, strict=True):
        assert abs(np.mean(drawn < border) - part) < 0.03


def test_a_draw_depends_on_seed_number_and_name_alone():
    one = spec("0..1", "a.rate")
    assert one.draw(1, 7) == spec("0..1", "a.rate").draw(1, 7)
    assert (
        len({one.draw(1, 7), one.draw(2, 7), one.draw(1, 8), spec("0..1", "b.x").draw(1, 7)}) == 4
    )
    first = trials([one, spec("[1, 2]", "z.n")], 10, seed=3)
    again = trials([spec("int:1..9", "new.one"), one, spec("[1, 2]", "z.n")], 20, seed=3)
    for a, b in zip(first, again, strict=False):
        assert a.number == b.number and all(b.values[name] == a.values[name] for name in a.values)


def test_a_grid_is_every_combination():
    found = trials([spec("[1, 2]", "a.x"), spec("int:0..2", "b.y")])
    assert [t.number for t in found] == [1, 2, 3, 4, 5, 6]
    assert [tuple(t.values.values()) for t in found] == [(a, b) for a in (1, 2) for b in (0, 1, 2)]


def test_a_grid_needs_an_end():
    with pytest.raises(SpecProblem, match="has no end of values"):
        trials([spec("0..1")])
    with pytest.raises(SpecProblem, match="1000000 combinations"):
        trials([spec("int:0..999", "a.b"), spec("int:0..999", "a.c")])
    with pytest.raises(SpecProblem, match="nothing varies"):
        trials([], 5)
    with pytest.raises(SpecProblem, match="is given twice"):
        trials([spec("[1]"), spec("[2]")])


def result(number: int, value: float | None, share: bool = False, **values) -> Result:
    found = math.nan if value is None else value
    return Result(Trial(number, values), DONE, found, key="m", higher=share)


def test_the_best_come_first_and_what_failed_last():
    losses = [result(1, 0.5), result(2, None), result(3, 0.1), result(4, math.inf)]
    assert [r.trial.number for r in ranked(losses)] == [3, 1, 4, 2]
    shares = [result(1, 0.5, True), result(2, None, True), result(3, 0.9, True)]
    assert [r.trial.number for r in ranked(shares)] == [3, 1, 2]


def test_ranks_and_correlations_are_those_of_scipy():
    draw = random.Random(1)
    rows = [(draw.choice([1, 2, 3]), draw.random(), draw.choice("ab")) for _ in range(40)]
    results = [
        result(n, (a + b) % 1.7, units=a, rate=b, name=c) for n, (a, b, c) in enumerate(rows)
    ]
    found = correlations(results)
    values = [r.value for r in results]
    assert found.keys() == {"units", "rate"}
    for index, name in enumerate(("units", "rate")):
        expected = spearmanr([row[index] for row in rows], values).statistic
        assert found[name] == pytest.approx(expected, abs=1e-12)
    assert correlations(results[:2]) == {}
    assert correlations([result(n, 1.0, x=n) for n in range(5)]) == {}
    assert ranks([3, 1, 3]).tolist() == [2.5, 1.0, 2.5]


def test_results_are_read_as_they_were_written():
    for value in (0.25, math.inf, -math.inf):
        kept = result(3, value, True, rate=0.1, shape=[1, 2])
        assert result_of(json.loads(dumps(plain(kept)))) == kept
    nothing = result_of(json.loads(dumps(plain(result(1, None)))))
    assert math.isnan(nothing.value)
