"""Every file that a stylesheet or a script names is there, as production's collection demands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command


def test_static_files_can_be_collected(tmp_path: Path, settings: Any) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    assert (tmp_path / "staticfiles.json").exists()
    assert list(tmp_path.glob("css/fmi.*.css"))
