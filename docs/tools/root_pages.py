"""MkDocs hooks that add the pages of the repository root (README, CHANGELOG, …) to the site.

On GitHub a link to the README is `../README.md`; in the site the same page is `readme.md`.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent.parent
SITE_NAMES = {
    "README.md": "readme.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "license.md",
}
TITLES = {"LICENSE": "# Licence\n\n"}
_NAMES = "|".join(map(re.escape, SITE_NAMES))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root to the site, with links relative to its top."""
    for name, site_name in SITE_NAMES.items():
        text = TITLES.get(name, "") + (ROOT / name).read_text(encoding="utf-8")
        inside = re.sub(r"\]\(docs/", "](", text)
        linked = re.sub(rf"\]\(({_NAMES})(?=[)#])", lambda m: f"]({SITE_NAMES[m[1]]}", inside)
        files.append(File.generated(config, site_name, content=linked))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Redirect links from docs/ to pages of the root into the site."""
    up = "../" * page.file.src_uri.count("/")
    outside = rf"\]\({re.escape(up)}\.\./({_NAMES})(?=[)#])"
    return re.sub(outside, lambda m: f"]({up}{SITE_NAMES[m[1]]}", markdown)
