"""What holds for every test: folders of its own, and the same random examples on every machine."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

# Two runs of the same commit must agree, and a busy machine is no failure.
hypothesis.settings.register_profile("quantmatrix", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.load_profile("quantmatrix")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Point all folders of the program below a short private one, and forget settings of the environment.

    Short, because the path of a Unix socket has about a hundred characters.
    """
    folder = Path(tempfile.mkdtemp(prefix="qm-"))
    for name in [name for name in os.environ if name.startswith("QM_")]:
        monkeypatch.delenv(name)
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"QM_{name}_DIR", str(folder / name.lower()))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Leave the log as it was found: who configures it in one test must not change what the next one sees."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()
