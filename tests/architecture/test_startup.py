from __future__ import annotations

from pathlib import Path

from tests.architecture.conftest import Plant
from tests.architecture.startup import heavy_imports


def test_the_command_starts_without_the_heavy_libraries(repository: Path) -> None:
    assert heavy_imports("argus.cli.main", repository / "src") == []


def test_heavy_imports_are_seen_through_other_modules_unless_deferred(plant: Plant) -> None:
    root = plant(
        {
            "planted/__init__.py": "",
            "planted/heavy.py": "import scipy.stats\n",
            "planted/eager.py": "import planted.heavy\n",
            "planted/lazy.py": "def f():\n    import planted.heavy\n",
        }
    )
    assert "scipy" in heavy_imports("planted.eager", root)
    assert heavy_imports("planted.lazy", root) == []
