"""The page of a report and the pictures in a browser: nothing overflows, nothing is complained about, nothing is loaded."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from heapscope.pictures.html.page import html_page
from tests.support import reports

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.thirdparty,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here"),
]

# The page forbids scripts; so the one that measures runs in a page around it.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body><iframe id="page" style="width:{width}px;height:900px;border:0"></iframe>
<script>
const frame = document.getElementById("page");
frame.onload = () => {{
  const page = frame.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("body *")].filter(
    one => !one.closest(".scroll") && one.getBoundingClientRect().right > root.clientWidth + 1);
  document.body.textContent = "RESULT" + JSON.stringify({{
    width: root.scrollWidth, room: root.clientWidth, wide: wide.slice(0, 3).map(one => one.outerHTML.slice(0, 200)),
    scripts: page.scripts.length, text: page.body.innerText.length, shown: page.querySelectorAll("svg").length }}) + "END";
}};
frame.srcdoc = {page};
</script>"""


def run_browser(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Chromium without a window, with a profile of its own."""
    assert BROWSER is not None
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
    ]
    return subprocess.run([BROWSER, *flags, *arguments], capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize(
    "name", ["app.sessions.REGISTRY.sessions", '</script><b>"日本語' * 60], ids=["usual", "hostile"]
)
def test_the_page_fits_its_width_and_says_nothing_to_the_console(tmp_path: Path, width: int, name: str) -> None:
    """On a phone and on a desk, with usual and with hostile names."""
    page = html_page(reports.report(name), reports.tables("" if name.startswith("app") else name))
    quoted = json.dumps(page).replace("</", "<\\/")
    (tmp_path / "frame.html").write_text(FRAME.format(width=width, page=quoted), encoding="utf-8")
    done = run_browser(tmp_path, "--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path}/frame.html")
    found = re.search(r"RESULT(\{.*?\})END", done.stdout.replace("&quot;", '"').replace("&amp;", "&"), re.DOTALL)
    assert found is not None, done.stdout[-500:]
    result = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">"))
    assert result["width"] <= result["room"] == width, result
    assert result["wide"] == []
    assert result["scripts"] == 0
    assert result["text"] > 1000
    assert not re.findall(r".*CONSOLE.*", done.stderr)


def test_it_can_be_printed(tmp_path: Path) -> None:
    """A few pages, not one per row."""
    (tmp_path / "page.html").write_text(html_page(reports.report(), reports.tables()), encoding="utf-8")
    run_browser(tmp_path, f"--print-to-pdf={tmp_path / 'page.pdf'}", f"file://{tmp_path}/page.html")
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes()))
    assert 1 <= pages <= 8
