"""Curves, and what is made of an evaluation: JSON, pages, a model's card in words."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from onlooker.evaluation import curves
from onlooker.evaluation.audit import audit
from onlooker.evaluation.audit_page import audit_page
from onlooker.evaluation.figures import Row, dots
from onlooker.evaluation.metrics import Estimate, measure
from onlooker.evaluation.model_card import model_card
from onlooker.evaluation.page import evaluation_page
from onlooker.evaluation.report import Report, audit_for_card, audit_to_dict, report
from onlooker.models.calibration import Calibration
from onlooker.models.cards import DEFAULT_MODEL, builtin_card
from tests.evaluation.people import answers

CALIBRATION = Calibration(0.9, 1.0, (0,), (0.5, 0.9), ((0.25, 0.45),), "invented people")


@pytest.fixture(scope="module")
def found() -> Report:
    given = answers()
    return report(given, measure(given, no_face=3), "invented", CALIBRATION)


def test_bands_hold_every_age_once_as_a_person_would_say_it() -> None:
    assert curves.bands_of(np.array([0, 2.4, 2.5, 9.4, 79.4, 79.5, 116])).tolist() == [
        "0 to 2", "0 to 2", "3 to 9", "3 to 9", "70 to 79", "80 and over", "80 and over",
    ]  # fmt: skip
    by = curves.by_band(answers(), answers().label)
    assert list(by) == [name for name in curves.band_names() if name in by]
    assert sum(metrics.n for metrics in by.values()) == 400


def test_the_cumulative_score_rises_and_at_five_years_is_the_metric(found: Report) -> None:
    shares = [point.y.value for point in found.score]
    assert shares == sorted(shares)
    assert found.metrics.cs5 is not None
    assert found.metrics.cs5_whole is not None
    assert found.score[4].y.value == found.metrics.cs5.value
    assert found.score_whole[4].y.value == found.metrics.cs5_whole.value
    assert all(w.y.value >= s.y.value for w, s in zip(found.score_whole, found.score, strict=True))


def test_the_most_certain_are_right_more_often_and_all_of_them_are_everyone(found: Report) -> None:
    assert found.certainty[0].y.value > found.certainty[-1].y.value
    assert found.metrics.gender_accuracy is not None
    assert found.certainty[-1].y.value == found.metrics.gender_accuracy.value
    assert found.certainty[-1].n == 400


def test_reliability_counts_every_labelled_face_once(found: Report) -> None:
    assert sum(point.n for point in found.reliability) == 400
    assert [point.x for point in found.reliability] == sorted(point.x for point in found.reliability)


def test_a_wider_confidence_holds_more(found: Report) -> None:
    half, most = found.coverage
    assert (half.x, most.x) == (0.5, 0.9)
    assert half.y.value < most.y.value


def test_the_json_is_json_and_begins_with_the_figures(found: Report) -> None:
    given = json.loads(json.dumps(found.to_dict()))
    assert list(given)[:3] == ["protocol", "n", "mae"]
    assert given["no_face"] == 3
    assert set(given["by_age"]["20 to 29"]) >= {"n", "mae", "bias", "interval_coverage"}
    assert len(given["cumulative_score"]) == 15
    assert "cumulative_score" not in found.for_card()


class _Page(HTMLParser):
    """What a page asks others for, and whether its tags are paired."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.asked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.asked += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself."""


def check(page: str) -> None:
    parser = _Page()
    parser.feed(page)
    assert parser.open == []
    assert parser.asked == []
    assert "nan" not in re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL).lower().split()


def test_the_page_stands_alone_and_shows_the_figures(found: Report) -> None:
    page = evaluation_page(found, "us <on> them", 0.9)
    check(page)
    assert "us &lt;on&gt; them" in page
    assert found.metrics.mae is not None
    assert f"{found.metrics.mae.value:.2f} years" in page
    assert "80 and over" in page


def test_a_band_that_is_hardly_held_is_drawn_where_it_is() -> None:
    given = replace(answers(), age_low=np.full(400, 0.0), age_high=np.full(400, 5.0))
    page = evaluation_page(report(given, measure(given), "invented", None), "t", 0.5)
    section = page[page.index("Ages held, by the labelled age") : page.index("Ages held, by the answered age")]
    dots = [float(x) for x in re.findall(r'class="dot" cx="([\d.]+)"', section)]
    assert max(dots) - min(dots) > 100, "some of the babies, and none of the old"


def test_without_gender_labels_there_is_no_figure_of_gender() -> None:
    given = replace(answers(), female=np.full(400, -1, np.int8))
    page = evaluation_page(report(given, measure(given), "invented", None), "t", 0.9)
    check(page)
    assert "Gender" not in page


def test_the_page_of_an_audit_names_the_worst_first_and_every_group() -> None:
    given = answers()
    found = audit(given, {"them": answers(seed=1)}, ours="us")
    page = audit_page(found, "t", "invented")
    check(page)
    assert page.index("Who is served worst") < page.index("By sex")
    assert page.count("<h3>Age error, at equal ages</h3>") == 2, "by sex and by group, not by age"
    for name in ("female", "80 and over", "them", "A", "female, B"):
        assert f"{name} <" in page or f">{name}<" in page, name


def test_every_other_system_has_a_mark_of_its_own() -> None:
    given = answers(120)
    names = [f"them{k}" for k in range(6)]
    page = audit_page(audit(given, {name: answers(120, seed=k) for k, name in enumerate(names)}, ours="us"), "t", "x")
    styles = [re.findall(rf"\.other{k}(?: i)? {{([^}}]+)}}", page) for k in range(6)]
    assert all(len(found) == 2 for found in styles)
    assert len({tuple(found) for found in styles}) == 6
    for k, name in enumerate(names):
        assert f'<span class="other other{k}"><i></i>{name}</span>' in page


def test_a_system_that_says_no_gender_leaves_the_others_their_marks() -> None:
    given = answers(120)
    silent = replace(answers(120, seed=1), p_female=np.full(120, np.nan))
    page = audit_page(audit(given, {"silent": silent, "them": answers(120, seed=2)}, ours="us"), "t", "x")
    gender = page[page.index("<h3>Gender right</h3>") : page.index("<h3>Gender right, at equal ages</h3>")]
    assert set(re.findall(r'class="other other(\d)"[^>]*><title>(\w+)', gender)) == {("1", "them")}


def test_a_calibration_for_one_confidence_says_that_it_is_the_only_one() -> None:
    alone = Calibration(0.9, 1.0, (0,), (0.9,), ((0.45,),), "few")
    text = model_card(replace(builtin_card(DEFAULT_MODEL), calibration=alone))
    assert "an interval that is meant to hold 90% of ages; `--confidence` knows 0.9 alone." in text


def test_a_dot_is_where_its_figure_is() -> None:
    drawn = dots([Row("a", Estimate(0.0, 0.0, 0.0)), Row("b", Estimate(1.0, 1.0, 1.0))], "{:g}".format)
    first, last = (float(x) for x in re.findall(r'class="dot" cx="([\d.]+)"', drawn))
    assert (first, last) == (170, 530)


def test_a_card_in_words_tells_figures_groups_and_calibration(found: Report) -> None:
    given = answers()
    card = replace(builtin_card(DEFAULT_MODEL), calibration=CALIBRATION, scores={}, fairness={})
    card = card.with_scores("Invented", found.for_card())
    card = card.with_fairness("Invented", audit_for_card(audit(given, ours="us"), "invented"))
    text = model_card(card)
    assert "calibrated on** invented people" in text.lower()
    assert card.licence in text
    assert "| 20 to 29 |" in text
    assert "- age error, at equal ages, by group: worst **B** (certain), best A, " in text
    by_age, by_group = (
        next(line for line in text.splitlines() if line.startswith(f"| {g} |")) for g in ("age", "group")
    )
    assert "at equal ages" in by_group
    assert "at equal ages" not in by_age, "a band has no ages but its own"
    assert found.metrics.mae is not None
    assert f"{found.metrics.mae.value:.2f} years" in text


def test_an_audit_is_json(found: Report) -> None:
    del found
    given = json.loads(json.dumps(audit_to_dict(audit(answers(), ours="us"), "invented")))
    assert given["everyone"]["systems"]["us"]["n"] == 400
    assert {"grouping", "metric", "worst", "certain"} <= set(given["gaps"][0])


def test_the_printed_card_is_that_of_the_model_that_is_served() -> None:
    path = Path(__file__).parent.parent.parent / "docs" / "model_card.md"
    assert path.read_text(encoding="utf-8") == model_card(builtin_card(DEFAULT_MODEL)), (
        f"run: onlooker models card {DEFAULT_MODEL} --output docs/model_card.md"
    )
