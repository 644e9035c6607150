"""Every code block of the documentation and of the README runs, page by page, as a reader would run it."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(path for path in ROOT.glob("docs/**/*.md") if "_build" not in path.parts)])
RUN = {"python", "console", "toml", "json"}
LANGUAGES = RUN | {"sh", "text"}
"""`text` is no code; `sh` is what an administrator or an installer does: the shell reads it, and nobody runs it here."""

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)(?P=fence) *$", re.MULTILINE | re.DOTALL
)


@dataclass
class Block:
    """A fenced block. `printed` is what the page shows below it as its output; `not_run` is why it is not run."""

    language: str
    text: str
    line: int
    not_run: str = ""
    printed: str | None = None


def blocks(page):
    """The page's code blocks in order; one marked `text printed` belongs to the block above it."""
    found = []
    source = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(source):
        info = match["info"].strip()
        if info.startswith("{"):  # a directive of Sphinx
            continue
        language, _, remark = info.partition(" ")
        text = re.sub(f"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        if info == "text printed":
            found[-1].printed = text
        else:
            line = source[: match.start()].count("\n") + 1
            found.append(Block(language, text, line, not_run=remark.partition("not run:")[2].strip()))
            assert not remark or found[-1].not_run, f"{page}:{line}: write `not run: reason`, not {remark!r}"
    return found


def named(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_is_of_a_language_that_is_checked(page):
    assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("page", [page for page in PAGES if RUN & {block.language for block in blocks(page)}], ids=named)
def test_the_blocks_of_a_page_run(page, tmp_path):
    steps = [asdict(block) for block in blocks(page) if block.language in RUN]
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CARBONSDK_", "XDG_", "SLURM_"))}
    environment |= {
        "HOME": str(tmp_path / "home"),
        "CARBONSDK_OFFLINE": "1",
        "COLUMNS": "120",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "tests" / "docs" / "run_page.py"],
        input=json.dumps({"page": str(page), "steps": steps}),
        cwd=tmp_path / "work",
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_shell_can_read_what_is_meant_for_it(page):
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("no bash on this machine")
    for block in blocks(page):
        if block.language == "sh":
            done = subprocess.run([shell, "-n"], input=block.text, capture_output=True, text=True)
            assert done.returncode == 0, f"{page}:{block.line}: {done.stderr}"
