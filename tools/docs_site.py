"""Hook of mkdocs (mkdocs.yml): takes documents into the site from where they lie in the repository.

Documents keep the links by which they refer to each other and to files of the repository: Markdown
files that are linked become pages, other files are copied into the site, and links to folders
become plain text, so that all links work from a disk. The one script that the theme would load from
the network comes along.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
SHIM, OUR_SHIM = "https://unpkg.com/iframe-worker/shim", "assets/iframe-worker.js"
FRONT, FRONT_URI = "README.md", "index.md"
DIAGRAM = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)  # drawn by a script from the network
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^)#\s]*)(#[^)\s]*)?\)")


def repository_path(uri: str) -> str:
    """Of a file of the site."""
    if uri == FRONT_URI:
        return FRONT
    return f"docs/{uri}" if (ROOT / "docs" / uri).is_file() else uri


def site_uri(path: str) -> str:
    """Of a file of the repository."""
    return FRONT_URI if path == FRONT else path.removeprefix("docs/")


def linked(path: str) -> Iterator[str]:
    """Paths in the repository that a document links to."""
    for _, target, _ in LINK.findall((ROOT / path).read_text("utf-8")):
        if target and "://" not in target:
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what documents link to, and what these link to."""
    waiting = [FRONT, *(repository_path(file.src_uri) for file in files)]
    known = {repository_path(file.src_uri) for file in files}
    while waiting:
        path = waiting.pop()
        if path not in known and (ROOT / path).is_file():
            known.add(path)
            source = str(ROOT / path)
            files.append(File.generated(config, site_uri(path), abs_src_path=source))
            waiting += linked(path) if path.endswith(".md") else ()
        elif path in known and path.endswith(".md"):
            waiting += [each for each in linked(path) if each not in known]
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links as they are in the site; no diagrams, which repeat what tables say."""
    here = repository_path(page.file.src_uri)

    def rewritten(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if not target or "://" in target:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        if (ROOT / path).is_dir():
            return text[1:-1]
        start = posixpath.dirname(page.file.src_uri) or "."
        return f"{text}({posixpath.relpath(site_uri(path), start)}{anchor})"

    return LINK.sub(rewritten, DIAGRAM.sub("", markdown))


def on_post_build(config: MkDocsConfig) -> None:
    """Pages without the network."""
    site = Path(config.site_dir)
    for page in site.rglob("*.html"):
        start = page.parent.relative_to(site).as_posix()
        text = page.read_text("utf-8").replace(SHIM, posixpath.relpath(OUR_SHIM, start))
        page.write_text(text, "utf-8")
