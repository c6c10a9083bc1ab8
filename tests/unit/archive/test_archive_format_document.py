"""The reader printed in the format's specification reads archives."""

import re
from pathlib import Path

import numpy as np

DOCUMENT = Path(__file__).parents[3] / "docs" / "archive-format.md"


def test_the_printed_reader_reads(archive, clips):
    text = DOCUMENT.read_text("utf-8").partition("## A reader in numpy and json")[2]
    code = "\n".join(re.findall(r"^(?:    (.*)|)$", text, re.MULTILINE))
    names = {"ARCHIVE": str(archive.path)}
    exec(compile(code, str(DOCUMENT), "exec"), names)
    assert [(name, label) for name, label, _ in names["clips"]] == [(c.id, c.label) for c in clips]
    for (_, _, found), wanted in zip(names["clips"], clips, strict=True):
        np.testing.assert_array_equal(found, wanted.coords)


def test_the_document_names_every_tensor_and_key(archive):
    import json

    from gesta.archive.shard import BULK

    text = DOCUMENT.read_text("utf-8")
    manifest = json.loads((archive.path / "archive.json").read_text())
    columns = {name.partition(".")[0] for name in archive.shards[0].columns}
    for name in {*manifest, *manifest["shards"][0], *manifest["counts"], *columns, *BULK}:
        assert f"`{name}`" in text or f'"{name}"' in text or f"`{name}.*`" in text, name
