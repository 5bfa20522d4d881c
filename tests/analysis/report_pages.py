"""A report of planted models, made once for all tests."""

from __future__ import annotations

import functools
import shutil
from dataclasses import dataclass
from pathlib import Path

from sensdb.analysis.report.contents import read_contents
from sensdb.analysis.report.held import Contents
from sensdb.analysis.report.page import render
from sensdb.database import schema
from sensdb.database.engine import writing
from tests.analysis.conftest import Study
from tests.analysis.planted import planted_models


@dataclass(frozen=True)
class Made:
    """A study, what its report holds, and the page."""

    study: Study
    contents: Contents
    text: str


@functools.cache
def make_report(template: Path) -> Made:
    """The report of the planted models as one sweep, its text enqueued once; made once a process, beside `template`."""
    folder = template.parent / "report"
    folder.mkdir()
    shutil.copyfile(template, folder / "sensdb.db")
    study = Study(f"sqlite:///{folder / 'sensdb.db'}", folder / "cache")
    study.add(*planted_models(), sweep="study")
    text = "name: study  # <all> & sundry\n"
    values = {"sweep_id": 1, "definition_sha256": "0" * 64, "definition": text, "n_models": 84}
    with writing(study.engine) as connection:
        connection.execute(schema.sweep_definitions.insert().values(values))
    contents = read_contents(study.url, study.cache)
    study.engine.dispose()
    return Made(study, contents, render(contents))
