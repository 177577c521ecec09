"""The pages that `make pages` measures, at the small size: it would end at one that shows something else."""

from pathlib import Path

from benchmarks.pages.run import contender
from benchmarks.pages.size import SMALL
from tests.races.product import own_database

MOST_QUERIES = 11


def test_every_page_shows_what_it_should_and_asks_little(tmp_path: Path) -> None:
    with own_database("sqlite", tmp_path) as database:
        maker = contender("pages", database, SMALL)
        try:
            maker.start()
            pages = maker.ask({"count": True})["pages"]
        finally:
            maker.stop()

    assert len(pages) > 40
    assert {page["name"]: page["queries"] for page in pages if page["queries"] > MOST_QUERIES} == {}
