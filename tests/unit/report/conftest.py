"""Clips with known poses, and pages taken apart."""

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

from gesta.clip import Clip
from gesta.skeleton import get_layout

# Elements that HTML leaves open.
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Page(HTMLParser):
    """The parts of a page that tests ask for; fails on tags that do not nest."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.texts, self.addresses, self.tags = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.addresses += [value for name, value in attrs if name in ("href", "src", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)


@pytest.fixture
def read_page():
    return lambda path: Page(path.read_text("utf-8"))


@pytest.fixture
def read_svg():
    """Parse a picture as XML and give the elements of a tag, with their classes."""

    def parse(picture, tag=None):
        root = ElementTree.fromstring(picture)
        assert root.tag.endswith("svg")
        if tag is None:
            return root
        return [element for element in root.iter() if element.tag.rpartition("}")[2] == tag]

    return parse


@pytest.fixture
def make_clip():
    """Clips of a standing body that sways; `pixels` gives one in two dimensions."""

    def make(frames=12, persons=1, layout="sbu_15", pixels=False, **fields):
        skeleton = get_layout(layout)
        rng = np.random.default_rng(len(skeleton))
        body = rng.normal(size=(len(skeleton), 2 if pixels else 3))
        steps = np.linspace(0, 1, max(frames, 1))[:frames, None, None]
        coords = np.stack([body + person + steps for person in range(persons)] or [body[:0]])
        shape = (persons, frames, *body.shape)
        values = coords.astype(np.float32).reshape(shape)
        space = {"channels": ("x", "y"), "space": "pixels"} if pixels else {}
        return Clip(values, skeleton, **space, **{"id": "clip", **fields})

    return make
