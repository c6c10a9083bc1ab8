"""Layouts, graph partitions and joint mapping against the published figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.errors import FormatError, LayoutError, ShapeError
from gesta.skeleton import (
    NORMALISATIONS,
    PARTITIONS,
    Layout,
    adjacency,
    get_layout,
    hop_distance,
    joint_map,
    list_layouts,
    locate,
    partition,
    read_layout,
)

LAYOUTS = list_layouts()


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_tables(name):
    layout = get_layout(name)
    assert len(layout) == int(name.rsplit("_", 1)[1])
    mirror = np.array(layout.mirror)
    assert (mirror[mirror] == np.arange(len(layout))).all()
    sided = [j for j in layout.joints if j.startswith(("left_", "right_"))]
    assert (mirror != np.arange(len(layout))).sum() == len(sided)
    # A skeleton looks the same in a mirror: its bones map onto its bones.
    assert {(mirror[c], mirror[p]) for c, p in layout.bones} == set(layout.bones)
    assert np.isfinite(hop_distance(layout)).all()
    assert Layout.from_dict(layout.to_dict()) == layout


# (subset sums, non-zero entries) as the public code and its papers give them.
PUBLISHED = {
    ("kinect_v2_25", "spatial_official"): ((8.95, 13.3, 2.75), (25, 40, 8)),
    ("kinect_v2_25", "spatial"): ((8.95, 7.30, 8.75), (25, 24, 24)),
    ("openpose_18", "spatial_official"): ((6.6667, 8.5833, 2.75), (18, 25, 9)),
    ("openpose_18", "spatial"): ((6.6667, 4.9167, 6.4167), (18, 17, 17)),
    ("kinect_v2_25", "inward_outward"): ((25, 24, 20), (25, 24, 24)),
}


@pytest.mark.parametrize(("name", "strategy"), PUBLISHED)
def test_published_subset_sums(name, strategy):
    sums, entries = PUBLISHED[name, strategy]
    subsets = partition(get_layout(name), strategy)
    np.testing.assert_allclose(subsets.sum((1, 2)), sums, atol=5e-5)
    assert tuple((subsets > 0).sum((1, 2))) == entries


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("strategy", [p for p in PARTITIONS if p != "inward_outward"])
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_subsets_add_up_to_the_normalised_graph(name, strategy, normalisation):
    layout = get_layout(name)
    links = adjacency(layout)
    degree = links.sum(0)
    expected = (
        links / degree if normalisation == "column" else links / np.sqrt(np.outer(degree, degree))
    )
    subsets = partition(layout, strategy, normalisation)
    np.testing.assert_allclose(subsets.sum(0), expected, atol=1e-6)
    assert ((subsets > 0).sum(0) <= 1).all()


def test_spatial_subset_by_hand():
    layout = Layout("chain", ("a", "b", "c"), ((1, 0), (2, 1)), 0, (0,))
    itself, farther, closer = partition(layout, "spatial")
    np.testing.assert_allclose(np.diag(itself), [1 / 2, 1 / 3, 1 / 2])
    # b hears c (farther from the centre a) and a (closer); a hears b; c hears b.
    np.testing.assert_allclose(farther, [[0, 0, 0], [1 / 2, 0, 0], [0, 1 / 3, 0]])
    np.testing.assert_allclose(closer, [[0, 1 / 3, 0], [0, 0, 1 / 2], [0, 0, 0]])


def test_unknown_names():
    with pytest.raises(LayoutError, match="kinect_v2_25"):
        get_layout("kinect")
    with pytest.raises(LayoutError, match="spatial"):
        partition(get_layout("coco_17"), "spacial")
    with pytest.raises(LayoutError, match="nose"):
        get_layout("coco_17").index("noes")


@pytest.mark.parametrize(
    ("bones", "problem"),
    [
        (((1, 0),), "need 2 bones"),
        (((1, 0), (1, 2)), "need 2 bones"),
        (((1, 2), (2, 1)), "ring"),
        (((1, 0), (2, 5)), "lie in"),
    ],
)
def test_broken_tables(bones, problem):
    with pytest.raises(LayoutError, match=problem):
        Layout("broken", ("a", "b", "c"), bones, 0, (0,))


def test_own_layout_from_toml(tmp_path):
    path = tmp_path / "hand.toml"
    path.write_text(
        'name = "hand"\njoints = ["wrist", "left_tip", "right_tip"]\n'
        'bones = [["left_tip", "wrist"], ["right_tip", "wrist"]]\n'
    )
    layout = get_layout(str(path))
    assert (layout.root, layout.centre, layout.origin) == (0, 0, (0,))
    assert layout.mirror == (0, 2, 1)
    path.write_text('name = "hand"\njoints = ["wrist", "tip"]\nbones = [["tip", "elbow"]]\n')
    with pytest.raises(FormatError, match="elbow"):
        read_layout(path)
    path.write_bytes(b"\xff\x00")
    with pytest.raises(FormatError, match="TOML"):
        read_layout(path)


@pytest.mark.parametrize("source", LAYOUTS)
@pytest.mark.parametrize("target", LAYOUTS)
def test_mapping_by_name(source, target):
    source, target = get_layout(source), get_layout(target)
    mapping = joint_map(source, target)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 3, len(source), 3)).astype(np.float32)
    mapped = mapping.apply(values)
    shared = [j for j in target.joints if j in source.joints]
    for joint in shared:
        expected = values[..., source.index(joint), :]
        np.testing.assert_array_equal(mapped[..., target.index(joint), :], expected)
    assert not set(shared) & {*mapping.missing, *mapping.approximate}
    assert np.isnan(mapped[..., [target.index(j) for j in mapping.missing], :]).all()


def test_stand_ins():
    coco = get_layout("coco_17")
    assert locate(coco, "hip_centre") == (11, 12)
    assert locate(coco, "left_hand") == (9,)
    assert locate(coco, "tail") == ()
    with pytest.raises(ShapeError, match="V=17"):
        joint_map(coco, coco).apply(np.zeros((2, 16, 3), np.float32))


@given(st.integers(2, 12), st.randoms(use_true_random=False))
def test_any_tree_is_a_layout(size, random):
    bones = tuple((child, random.randrange(child)) for child in range(1, size))
    layout = Layout("tree", tuple(f"j{i}" for i in range(size)), bones, size - 1, (0,))
    distance = hop_distance(layout)
    np.testing.assert_array_equal(distance, distance.T)
    assert distance.max() < size
    np.testing.assert_allclose(partition(layout, "spatial").sum((0, 1)), 1, atol=1e-6)
