"""The report in headless Chromium, where one is found: no errors, nothing cut off, tables that sort and filter."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.analysis.report_pages import make_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is installed")

# A frame takes any width; a window of a headless browser is 500 pixels wide at least.
ASKED = """
<script>
const seen = {};
const wide = (width) => {
  document.body.style.width = `${width}px`;
  document.body.style.maxWidth = "none";
  const right = document.body.getBoundingClientRect().right;
  return [...document.querySelectorAll("body *")]
    .filter((each) => !each.closest(".scroll table, svg") && each.getBoundingClientRect().right > right + 1)
    .map((each) => each.tagName);
};
seen.cut = { 400: wide(400), 1600: wide(1600) };
document.body.style.width = "400px";
const letters = [...document.querySelectorAll("figure svg")].map((svg) =>
  Math.min(...[...svg.querySelectorAll("text")].filter((each) => !each.querySelector("tspan"))
    .map((each) => parseFloat(getComputedStyle(each).fontSize) * svg.getBoundingClientRect().width
      / svg.viewBox.baseVal.width)));
seen.smallest = Math.min(...letters);
const box = document.querySelector("#table-configurations");
const heads = [...box.querySelectorAll("th")];
const at = heads.findIndex((head) => head.textContent === "jacobian_norm_mean");
const shown = () => [...box.querySelector("tbody").rows].filter((row) => !row.hidden);
const values = () => shown().map((row) => row.cells[at].dataset.v);
heads[at].querySelector("button").click();
seen.up = values();
seen.sorted = heads[at].getAttribute("aria-sort");
heads[at].querySelector("button").click();
seen.down = values();
const input = box.querySelector("input");
input.value = "MNIST hard_sigmoid";
input.dispatchEvent(new Event("input"));
seen.kept = values().length;
seen.said = box.querySelector("output").textContent;
seen.dark = getComputedStyle(document.body).backgroundColor;
document.body.innerHTML = "<pre id='seen'></pre>";
document.querySelector("#seen").textContent = JSON.stringify(seen);
</script>
</body>"""


def opened(path: Path, folder: Path, *, dark: bool = False) -> tuple[str, list[str]]:
    """The page as the browser has it in the end, and what its console said."""
    assert BROWSER is not None
    ran = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"),
            *(f"--user-data-dir={folder}", f"--blink-settings=preferredColorScheme={0 if dark else 1}"),
            *("--window-size=1600,1000", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return ran.stdout, [line for line in ran.stderr.splitlines() if "CONSOLE" in line]


def test_the_page_works_in_a_browser_narrow_and_wide_light_and_dark(sqlite_template: Path, tmp_path: Path) -> None:
    made = make_report(sqlite_template)
    page = tmp_path / "report.html"
    page.write_text(made.text.replace("</body>", ASKED), encoding="utf-8")

    seen = {}
    for dark in (False, True):
        dom, console = opened(page, tmp_path / "profile", dark=dark)
        (text,) = re.findall(r'<pre id="seen">(.*?)</pre>', dom)
        assert console == []
        seen[dark] = json.loads(text)

    light = seen[False]
    assert light["cut"] == {"400": [], "1600": []}
    assert light["smallest"] > 7  # pixels, exponents included
    numbers = [float(value) for value in light["up"]]
    assert len(numbers) > 20
    assert numbers == sorted(numbers)
    assert light["sorted"] == "ascending"
    assert light["down"] == light["up"][::-1]
    assert light["said"] == f"{light['kept']} of {len(numbers)} rows"
    assert 0 < light["kept"] < len(numbers)
    assert light["dark"] == "rgb(255, 255, 255)"
    assert seen[True]["dark"] != light["dark"]
