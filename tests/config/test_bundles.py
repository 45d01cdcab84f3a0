"""One style sheet and one script, from many small files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from config import bundles
from ops.management.commands.prepare import static_fingerprint


def _names(folder: str, suffix: str) -> set[str]:
    return {path.stem for path in Path(bundles.PARTS, folder).glob(f"*{suffix}")}


def test_every_part_is_in_its_bundle_once() -> None:
    scripts = [bundles.SHARED_SCRIPT, *bundles.SCRIPTS]
    assert sorted(bundles.STYLES) == sorted(_names("css", ".css"))
    assert sorted(scripts) == sorted(_names("js", ".js"))


def test_the_layers_order_is_declared_before_any_rule() -> None:
    assert bundles.styles().startswith("@layer reset, tokens, base")


def test_comments_are_left_out_and_nothing_else() -> None:
    styles, script = bundles.styles(), bundles.script()
    assert "/*" not in styles
    assert not re.search(r"^\s*//", script, re.MULTILINE)
    for name in bundles.STYLES:
        last_rule = Path(bundles.PARTS, f"css/{name}.css").read_text().strip().splitlines()[-3]
        assert last_rule in styles


def test_what_one_script_declares_does_not_clash_with_another() -> None:
    assert bundles.script().count("\n{\n") == len(bundles.SCRIPTS)


@pytest.mark.parametrize("name", bundles.BUNDLES)
def test_a_bundle_is_collected_in_place_of_its_parts(name: str) -> None:
    found = dict(bundles.BundleFinder().list([]))
    assert name in found
    assert not [one for one in found if one.startswith(("css/", "js/"))]
    with found[name].open(name) as bundle:
        assert bundle.read().decode() == bundles.BUNDLES[name]()


def test_a_changed_part_is_noticed_when_the_site_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Path(shutil.copytree(bundles.PARTS, tmp_path / "static"))
    monkeypatch.setattr(bundles, "PARTS", copy)
    before = static_fingerprint()
    assert static_fingerprint() == before
    part = copy / "css/print.css"
    part.write_text(part.read_text().replace("@media print", "@media screen"))
    assert static_fingerprint() != before
