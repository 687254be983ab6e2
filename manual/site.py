"""The documents as a site, by zensical: strict, so that a page that is not there fails the build.

What is read on a forge is what is built: the documents are copied with the folders around them and with each file
that they link, so that every link leads to where it leads there. The navigation is the index, docs/README.md.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = ROOT / "site"
PARTS = ("docs", "examples", "deploy")
INDEX = "docs/README.md"
STYLE = Path(__file__).parent / "site.css"
FOREIGN = shutil.ignore_patterns("__pycache__")


def build(to: Path = SITE) -> int:
    """Build the site into `to`/html; zensical's status."""
    source = to / "source"
    shutil.rmtree(to, ignore_errors=True)
    source.mkdir(parents=True)
    for page in ROOT.glob("*.md"):
        shutil.copy2(page, source)
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=FOREIGN)
    for file in _linked(source):
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, source / file)
    shutil.copy2(STYLE, source)
    (to / "zensical.toml").write_text(configuration())
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(to / "zensical.toml")]
    status = subprocess.run(command, cwd=to).returncode
    if status == 0:
        print(f"The site is in {to / 'html'}: python3 -m http.server --directory {to / 'html'}")
    return status


def configuration() -> str:
    """What zensical is told: no fonts or anything else from elsewhere, light and dark as the browser likes it."""
    schemes = "".join(
        f'[[project.theme.palette]]\nmedia = "(prefers-color-scheme: {name})"\nscheme = "{scheme}"\n'
        for name, scheme in (("light", "default"), ("dark", "slate"))
    )
    return (
        '[project]\nsite_name = "Waypost"\ndocs_dir = "source"\nsite_dir = "html"\n'
        f"nav = [{', '.join(_navigation())}]\n"
        f'extra_css = ["{STYLE.name}"]\n'
        f"[project.theme]\nfont = false\n{schemes}"
    )


def _linked(source: Path) -> set[Path]:
    """The files, from the root, that pages link and that are not copied with them: the licence, some code."""
    linked = {
        (page.parent / target).resolve().relative_to(source.resolve())
        for page in source.rglob("*.md")
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    }
    return {path for path in linked if (ROOT / path).is_file() and not (source / path).exists()}


def _navigation() -> Iterator[str]:
    """The index's sections, each with the pages that it links; then those that stand at the root."""
    yield '{"Waypost" = "README.md"}'
    yield f'{{"Documentation" = "{INDEX}"}}'
    for section in re.split(r"^## ", (ROOT / INDEX).read_text(), flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        links = re.findall(r"\[([^]]+)\]\(([^)#]+\.md)\)", text)
        pages = (f"{{{json.dumps(_plain(words))} = {json.dumps(_from_root(path))}}}" for words, path in links)
        yield f"{{{json.dumps(title)} = [{', '.join(pages)}]}}"
    yield '{"Contributing" = "CONTRIBUTING.md"}'
    yield '{"Changelog" = "CHANGELOG.md"}'


def _plain(words: str) -> str:
    """A link's words without marks, as a title; code stays as it is."""
    return words.replace("`", "") if words.startswith("`") else words[0].upper() + words[1:]


def _from_root(path: str) -> str:
    return path.removeprefix("../") if path.startswith("../") else f"docs/{path}"
