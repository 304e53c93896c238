"""Pages in headless Chromium, named by CHROMIUM; `make test-pages` sets it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.pages.browser import Browser

CHROMIUM = shutil.which(os.environ.get("CHROMIUM") or "")
collect_ignore_glob = [] if CHROMIUM else ["test_*.py"]


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Browser]:
    assert CHROMIUM is not None
    found = Browser(CHROMIUM, tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()
