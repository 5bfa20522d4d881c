"""The report as a page: whole without a network, each figure and table with its command, readable to all."""

from __future__ import annotations

import re
import shlex
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sensdb.analysis.ask_verdict import ask_verdict
from sensdb.analysis.figures.files import svg_text
from sensdb.analysis.figures.size import size_figure
from sensdb.analysis.population import Filters
from sensdb.analysis.report.contents import read_contents
from sensdb.analysis.report.held import Contents, Table
from sensdb.analysis.report.page import render, write_page
from sensdb.analysis.report.svg import inline_svg
from sensdb.cli import cli
from sensdb.cli.reference import root_context
from sensdb.errors import QueryError, SensdbError
from tests.analysis.conftest import Study
from tests.analysis.report_pages import Made, make_report
from tests.analysis.test_figures_paper import configurations

VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """A page's elements in order with their attributes, and a complaint for each tag that does not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for each, attributes in self.elements if each == tag]


@pytest.fixture(scope="module")
def made(sqlite_template: Path) -> Made:
    return make_report(sqlite_template)


@pytest.fixture(scope="module")
def page(made: Made) -> Page:
    return Page(made.text)


def test_every_tag_of_the_page_closes(page: Page) -> None:
    assert (page.wrong, page.open) == ([], [])


def test_the_page_names_nothing_outside_itself(made: Made, page: Page) -> None:
    assert "http" not in made.text
    links = [(tag, a[key]) for tag, a in page.elements for key in ("href", "src", "data", "action") if key in a]
    assert all(value.startswith(("#", "data:")) for _, value in links), links
    assert not re.search(r"@import|url\((?!#)", made.text)
    assert {each["id"] for _, each in page.elements if "id" in each} >= {
        value[1:] for _, value in links if value.startswith("#")
    }


def test_no_two_elements_share_an_id(page: Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)

    assert [name for name, n in ids.items() if n > 1] == []


def test_every_figure_of_the_paper_that_has_rows_is_there_and_the_others_are_named(made: Made) -> None:
    assert [picture.name for picture in made.contents.pictures] == [
        "gap", "pairs", "points", "point_loss", "size", "trajectories", "scatter",
    ]  # fmt: skip
    ((title, reason),) = made.contents.missing
    assert title.startswith("Where do a model's linear regions end")
    assert "has no file of what was seen on its plane" in reason
    assert title.replace("'", "&#x27;") in made.text


def test_every_figure_is_an_svg_that_parses_with_words_for_those_who_do_not_see_it(made: Made, page: Page) -> None:
    pictures = re.findall(r"<svg.*?</svg>", made.text, flags=re.DOTALL)

    assert len(pictures) == len(made.contents.pictures)
    for picture, text in zip(made.contents.pictures, pictures, strict=True):
        root = ElementTree.fromstring(text)
        assert root.get("role") == "img"
        assert picture.caption in (root.get("aria-label") or "")
        assert len(list(root.iter("path"))) > 5
        inside = {element.get("id") for element in root.iter()}
        assert {use.get("href", "")[1:] for use in root.iter("use")} <= inside


def test_every_figure_and_table_stands_with_a_command_that_the_command_line_takes(made: Made) -> None:
    blocks = re.findall(
        r'<(?:figure|div class="table") ?(?:id="[^"]*")?.*?class="command"><code>(.*?)</code>', made.text, re.S
    )
    held = made.contents
    assert held.verdict is not None
    commands = [each.command for each in (held.verdict, *held.pictures, *held.tables, *held.run)]

    assert len(blocks) == len(commands)
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "sensdb"
        group = root_context()
        known = cli.get_command(group, words[1])
        assert known is not None
        known.make_context(words[1], words[2:], parent=group, resilient_parsing=True)


def test_the_page_begins_with_the_verdict_that_its_command_gives(made: Made) -> None:
    verdict = made.contents.verdict
    assert verdict is not None

    answer = ask_verdict(made.study.url, made.study.cache)

    assert verdict.command == "sensdb query verdict -o verdict.csv"
    assert [row[0] for row in verdict.rows] == list(range(1, 26))
    assert list(verdict.rows) == [tuple(row.values()) for row in answer.rows]
    assert made.contents.summary == answer.meta["notes"][-1]
    assert made.contents.summary.count(". ") == 1
    assert made.text.index('id="table-verdict"') < made.text.index('id="figures"')


def test_a_tables_command_gives_the_tables_rows(made: Made) -> None:
    (table,) = [table for table in made.contents.run if table.name == "data_sets"]

    text = shlex.split(table.command)[3]

    answer = made.study.sql(text)
    assert [tuple(row.values()) for row in answer.rows] == list(table.rows)


def test_every_table_has_headers_a_name_a_filter_and_its_rows(made: Made, page: Page) -> None:
    assert made.contents.verdict is not None
    tables = [made.contents.verdict, *made.contents.tables, *made.contents.run]

    assert [table.name for table in tables][:5] == [
        "verdict",
        "correlation",
        "factor_pairs",
        "points_by_quantile",
        "point_auroc",
    ]
    assert all("aria-labelledby" in table for table in page.of("table"))
    assert len(page.of("table")) == len(page.of("label")) == len([a for a in page.of("input") if a["type"] == "search"])
    assert {label["for"] for label in page.of("label")} == {each["id"] for each in page.of("input")}
    assert len(page.of("th")) == sum(len(table.columns) for table in tables)
    assert all(head["scope"] == "col" and head["title"] for head in page.of("th"))
    assert len(page.of("tr")) == sum(len(table.rows) + 1 for table in tables)


def test_the_head_says_what_was_run_and_how_much_of_it_is_done(made: Made) -> None:
    facts = dict(made.contents.facts)

    assert facts["sweeps, models done"] == "study 71 of 72"
    assert facts["models with a result"] == "71, of which 67 fit all their training points"
    assert facts["trained on"].startswith("cpu ")
    assert facts["asked about"] == "all models"


def test_a_sweeps_text_is_on_the_page_as_it_was_queued(made: Made) -> None:
    (definition,) = made.contents.definitions

    assert definition.text == "name: study  # <all> & sundry\n"
    assert "name: study  # &lt;all&gt; &amp; sundry" in made.text
    assert "sensdb enqueue study.yaml" in made.text


def test_the_page_is_no_larger_than_a_mail_takes(made: Made) -> None:
    assert 50_000 < len(made.text) < 3_000_000


def test_the_page_has_both_a_light_and_a_dark_dress(made: Made) -> None:
    assert "prefers-color-scheme: dark" in made.text
    (svg, *_) = re.findall(r"<svg.*?</svg>", made.text, flags=re.DOTALL)
    # What is drawn in ink or on white follows the page; data keep a colour of the palette.
    assert not re.search(r"#(222222|ffffff|000000|dddddd)", svg, flags=re.IGNORECASE)
    assert "var(--ink)" in svg


def test_a_table_longer_than_the_page_takes_says_how_long_it_is() -> None:
    long = Table("t", "T?", "", "sensdb query t", (("a", "A."),), ((1,), (2,)), 5000)

    text = render(Contents((("database", "d"),), (), None, "", (), (long,), (), ()))

    assert "The first 2 of 5,000 rows; the command gives all." in text


def test_a_verdict_stands_before_the_figures_with_its_words_and_its_command() -> None:
    verdict = Table("verdict", "Claims", "", "sensdb query verdict", (("claim", "C."),), (("row 12",),), 1)

    text = render(Contents((("database", "d"),), (), verdict, "The data support it.", (), (), (), ()))

    places = [text.index(part) for part in ("The data support it.", "sensdb query verdict", "row 12", 'id="figures"')]
    assert places == sorted(places)
    assert 'href="#verdict"' in text


def test_numbers_sort_by_their_whole_value_and_missing_ones_say_so() -> None:
    table = Table("t", "T?", "", "c", (("x", "X."), ("y", "Y.")), ((0.123456789, "a<b"), (None, None)), 2)

    text = render(Contents((("database", "d"),), (), None, "", (), (table,), (), ()))

    assert '<td class="n" data-v="0.123456789">0.1235</td><td>a&lt;b</td>' in text
    assert '<td class="n" data-v="">–</td>' in text


def test_two_figures_on_a_page_share_no_id_and_point_at_their_own() -> None:
    svg = svg_text(size_figure(configurations({})))

    first, second = inline_svg(svg, "a-", "A"), inline_svg(svg, "b-", "B")

    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (first, second)]
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", second)) <= ids[1]
    assert "xmlns" not in first
    assert "<metadata" not in first


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SensdbError) as caught:
        write_page("text", tmp_path / "nowhere" / "r.html")

    assert caught.value.message == f"{tmp_path / 'nowhere' / 'r.html'} cannot be written: No such file or directory."


def test_a_report_is_made_of_postgresql_too_and_of_the_models_asked_about(postgresql_url: str, tmp_path: Path) -> None:
    # All other tests here make theirs of SQLite, by the same code.
    study = Study(postgresql_url, tmp_path / "cache")
    study.add({}, {"width": 7}, {"dataset": "mnist"}, sweep="two words")

    held = read_contents(study.url, study.cache, Filters(sweep="two words", dataset="digits"))
    study.engine.dispose()

    assert dict(held.facts)["asked about"] == "--sweep 'two words' --dataset digits"
    assert dict(held.facts)["sweeps, models done"] == "two words 2 of 2"
    assert [table.rows[0][:4] for table in held.run if table.name == "data_sets"] == [("digits", 100, 50, 2)]
    assert "gap" in {picture.name for picture in held.pictures}
    assert all("--sweep 'two words' --dataset digits" in picture.command for picture in held.pictures)
    assert "points" not in {picture.name for picture in held.pictures}


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (Filters(), "no model has a result to report."),
        (Filters(dataset="mnist"), "no model that --sweep, --dataset and --where let in has a result to report."),
    ],
)
def test_nothing_stored_is_an_error_that_points_to_the_queue(study: Study, filters: Filters, message: str) -> None:
    study.add({"result": False})

    with pytest.raises(QueryError) as caught:
        read_contents(study.url, study.cache, filters)

    assert (caught.value.message, caught.value.hint) == (message, "sensdb status shows the queue.")
