"""The viewer's script out of ipyniivue: found, or a sentence that says what to do."""

import base64
import gzip
import urllib.parse

import pytest

from versectl.report.page import viewer

MODULE = 'var a="é";export{NVImage,Niivue};'


def widget(module: str) -> str:
    return f'var other="x",again="{urllib.parse.quote(module)}";export{{render}};'


@pytest.fixture(autouse=True)
def _fresh():
    viewer.load.cache_clear()
    yield
    viewer.load.cache_clear()


def test_the_module_is_decoded():
    assert viewer.module(widget(MODULE)) == MODULE


@pytest.mark.parametrize("text", ["export{render};", widget("var a;export{render};")])
def test_another_script_is_refused(text):
    with pytest.raises(ValueError, match=r"module|export"):
        viewer.module(text)


def test_the_installed_package_holds_it():
    pytest.importorskip("ipyniivue")
    found = viewer.load()
    assert found.problem == ""
    assert "Redistribution" in found.notice
    assert b"NVImage" in gzip.decompress(base64.b64decode(found.script))


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setattr(viewer, "PACKAGE", "not_installed_anywhere")
    assert viewer.load().script == ""
    assert "versectl[report]" in viewer.load().problem
