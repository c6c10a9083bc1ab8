"""NTU RGB+D `.skeleton` files: what is read, which bodies are kept, what is refused, how fast."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gesta.errors import FormatError, GestaError
from gesta.formats.ntu_skeleton import (
    BODIES,
    parse_ntu_bodies,
    parse_ntu_skeleton,
    read_ntu_skeleton,
)

NAME = "S001C002P003R002A058.skeleton"


def person(x=0.0, *, width=0.5, height=1.7, seed=0):
    """(25, 5) joints of somebody who stands at x, 3 m away, with pixels."""
    random = np.random.default_rng(seed)
    joints = random.uniform(size=(25, 5)) * (width, height, 0.3, 100, 200) + (x, -1, 3, 900, 400)
    # The ranges that the shape of a body is judged by are exact.
    joints[0, :2], joints[1, :2] = (x, -1), (x + width, -1 + height)
    return joints


def text(frames, end="\n"):
    """A file; each frame is a list of (body id, joints)."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for name, joints in bodies:
            lines += [f"{name} 0 1 1 1 1 0 0.02 0.05 2", "25"]
            for x, y, z, u, v in joints.tolist():
                lines.append(f"{x!r} {y!r} {z!r} 277.4 191.8 {u!r} {v!r} -0.2 0.05 0.9 -0.1 2")
    return (end.join(lines) + end).encode()


TWO = text([[("7", person(0)), ("8", person(1))], [], [("8", person(1.5))]])


@given(
    st.lists(st.lists(st.integers(0, 2**40), min_size=0, max_size=3), min_size=0, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
)
def test_every_body_comes_back_as_it_was_written(frames, end):
    written = [[(str(name), person(seed=name % 99)) for name in names] for names in frames]
    rows = parse_ntu_bodies(text(written, end), NAME)
    assert rows.frames == len(frames)
    assert rows.id.tolist() == [str(name) for names in frames for name in names]
    assert rows.frame.tolist() == [t for t, names in enumerate(frames) for _ in names]
    joints = [joints for bodies in written for _, joints in bodies]
    np.testing.assert_array_equal(rows.joints, np.array(joints).reshape(-1, 25, 5))


def test_its_name_says_how_it_was_recorded():
    clip = parse_ntu_skeleton(TWO, f"folder/{NAME}")
    assert (clip.id, clip.label, clip.subject) == ("S001C002P003R002A058", 57, "3")
    assert (clip.setup, clip.camera, clip.replication) == (1, 2, 2)
    assert clip.layout.name == "kinect_v2_25" and clip.space == "camera_metres"
    assert clip.frame_size == (1920, 1080) and clip.frame_rate == 30


def test_another_name_says_nothing():
    clip = parse_ntu_skeleton(TWO, "mine.skeleton")
    assert (clip.id, clip.label, clip.subject, clip.setup) == ("mine", None, None, None)


@pytest.mark.parametrize("action", ["A000", "A121"])
def test_an_action_that_there_is_not_is_an_error(action):
    with pytest.raises(FormatError, match=f"A001 to A120, found {action}"):
        parse_ntu_skeleton(TWO, f"S001C002P003R002{action}.skeleton")


def test_first_two_follows_the_order_in_each_frame():
    first, second, third = person(0), person(1), person(2)
    frames = [[("1", first), ("2", second), ("3", third)], [("2", second)]]
    clip = parse_ntu_skeleton(text(frames), NAME, "first_two")
    assert clip.coords.shape == (2, 2, 25, 3)
    np.testing.assert_allclose(clip.coords[0, 1], second[:, :3], rtol=1e-6)
    assert np.isnan(clip.coords[1, 1]).all() and np.isnan(clip.pixels[1, 1]).all()
    np.testing.assert_allclose(clip.pixels[1, 0], second[:, 3:], rtol=1e-6)


def test_energy_takes_those_that_spread_most():
    bystander, walker, jumper = person(0), person(1), person(2)
    frames = [
        [("1", bystander), ("2", walker + t * 0.1), ("3", jumper + t * 0.4)] for t in range(12)
    ]
    clip = parse_ntu_skeleton(text(frames), NAME, "energy")
    assert clip.persons == 2
    np.testing.assert_allclose(clip.coords[0, 0], jumper[:, :3], rtol=1e-6)
    np.testing.assert_allclose(clip.coords[1, 0], walker[:, :3], rtol=1e-6)


def test_energy_is_measured_over_frames_that_a_body_is_in():
    """With zeros counted, somebody who is rarely there far from the camera would win."""
    quiet, lively = person(5, seed=1), person(0, seed=2)
    frames = [[("1", lively + 0.05 * t)] for t in range(12)]
    frames[3] = [("1", lively + 0.15), ("2", person(5, seed=3)), ("3", quiet)]
    clip = parse_ntu_skeleton(text(frames), NAME)
    np.testing.assert_allclose(clip.coords[0, 3], (lively + 0.15)[:, :3], rtol=1e-6)


def standing(name, seconds, x=0.0, step=0.05, **shape):
    return {t: [(name, person(x + step * t, **shape))] for t in seconds}


def frames_of(*tracks, size=40):
    frames = [[] for _ in range(size)]
    for track in tracks:
        for t, bodies in track.items():
            frames[t] += bodies
    return text(frames)


def test_denoised_drops_frames_without_anybody_and_moves_the_origin():
    clip = parse_ntu_skeleton(frames_of(standing("1", range(5, 25))), NAME, "denoised")
    assert clip.coords.shape == (1, 20, 25, 3)
    assert clip.coords[0, 0, 1].tolist() == [0, 0, 0]
    expected = person(0.05 * 24)[:, :3] - person(0.05 * 5)[1, :3]
    np.testing.assert_allclose(clip.coords[0, -1], expected, atol=1e-6)
    np.testing.assert_allclose(clip.pixels[0, 0], person(0.25)[:, 3:], rtol=1e-6)


@pytest.mark.parametrize(("frames", "persons"), [(11, 1), (12, 2)])
def test_denoised_drops_ids_of_eleven_frames(frames, persons):
    data = frames_of(standing("1", range(20)), standing("2", range(frames), x=2, step=0.01))
    assert parse_ntu_skeleton(data, NAME, "denoised").persons == persons


@pytest.mark.parametrize(("wide", "persons"), [(13, 2), (14, 1)])
def test_denoised_drops_ids_that_are_mostly_wider_than_people(wide, persons):
    """13 of 20 frames are 65 %, 14 are 70 %; the limit is 69.754 %."""
    sofa = standing("2", range(wide), x=2, width=1.5, step=0.01)
    sofa |= standing("2", range(wide, 20), x=2, step=0.01)
    data = frames_of(standing("1", range(20)), sofa)
    assert parse_ntu_skeleton(data, NAME, "denoised").persons == persons


def test_denoised_never_drops_the_last():
    alone = frames_of(standing("1", range(5), width=3))
    assert parse_ntu_skeleton(alone, NAME, "denoised").coords.shape[:2] == (1, 5)
    sofas = frames_of(
        standing("1", range(20), width=3, step=0.3), standing("2", range(20), x=5, width=3)
    )
    kept = parse_ntu_skeleton(sofas, NAME, "denoised")
    assert kept.persons == 1


def test_denoised_continues_an_actor_whose_id_changes():
    data = frames_of(
        standing("1", range(20), step=0.2),
        standing("2", range(40), x=3, step=0.01),
        standing("3", range(20, 40), step=0.1),
        standing("4", range(10, 30), x=-3, step=0.001),
    )
    clip = parse_ntu_skeleton(data, NAME, "denoised")
    assert clip.coords.shape == (2, 40, 25, 3)
    assert not np.isnan(clip.coords).any()  # 3 follows 1, and 2 is there throughout
    origin = person(0)[1, :3]
    np.testing.assert_allclose(clip.coords[0, 30], person(0.1 * 30)[:, :3] - origin, atol=1e-5)
    # 4 overlaps both and is dropped.
    np.testing.assert_allclose(clip.coords[1, 15], person(3.15)[:, :3] - origin, atol=1e-5)


@pytest.mark.parametrize("bodies", BODIES)
@pytest.mark.parametrize("frames", [0, 3])
def test_a_file_that_shows_nobody_is_an_empty_clip(bodies, frames):
    clip = parse_ntu_skeleton(text([[]] * frames), NAME, bodies)
    assert clip.coords.shape == (0, frames, 25, 3) and clip.label == 57


@pytest.mark.parametrize("bodies", BODIES)
def test_a_body_all_in_the_camera_is_nobody(bodies):
    clip = parse_ntu_skeleton(text([[("1", np.zeros((25, 5)))]]), NAME, bodies)
    assert clip.persons == 0


def changed(line, word, value):
    lines = TWO.decode().split("\n")
    words = lines[line].split(" ")
    words[word] = value
    lines[line] = " ".join(words)
    return "\n".join(lines).encode()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "x", "-1.#IND"])
def test_a_position_must_be_a_finite_number(value):
    with pytest.raises(FormatError, match="line 33: expected .*number|line 33: expected finite"):
        parse_ntu_skeleton(changed(32, 1, value), NAME)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1.#INF"])
def test_a_pixel_that_the_colour_camera_does_not_see_is_missing(value):
    clip = parse_ntu_skeleton(changed(32, 5, value), NAME, "first_two")
    place = (1, 0, 1)
    assert np.isnan(clip.pixels[place]).all() and np.isfinite(clip.coords[place]).all()
    assert np.isnan(clip.pixels[:, 0]).sum() == 2


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "line 1"),
        (b"\n\n", "line 1"),
        (b"two\n", "line 1"),
        (b"-1\n", "line 1"),
        (b"2\n1\n", "line 4"),
        (b"99999999999999\n", "line 1"),
        (b"999999\n0\n", "line 3"),
        (b"\x89PNG\r\n\x1a\n", "line 1"),
        (b"1\n0\n\xff\xfe", "line 3"),
        (TWO + b"7\n", "line 86"),
        (TWO.replace(b"\n25\n", b"\n24\n", 1), "line 4"),
        (TWO.replace(b" 0 1 1 1 1 0 ", b" 0 1 1 1 0 ", 1), "line 3"),
        (TWO.replace(b" 277.4 ", b" ", 1), "line 5"),
        (TWO.replace(b" 277.4 ", b" 277.4 1 ", 1), "line 5"),
        (TWO.replace(b"3\n2\n", b"3\n1\n", 1), "line 30"),
        (TWO.replace(b"3\n2\n", b"2\n2\n", 1), "line 58"),
    ],
)
def test_what_is_no_such_file_is_named_with_its_line(data, place):
    with pytest.raises(FormatError) as caught:
        parse_ntu_skeleton(data, NAME)
    assert caught.value.place == place


def test_spaces_of_its_own_are_no_error():
    spaced = TWO.replace(b" 277.4 ", b"  277.4\t")
    np.testing.assert_array_equal(
        parse_ntu_skeleton(spaced, NAME).coords, parse_ntu_skeleton(TWO, NAME).coords
    )


@given(st.integers(0, len(TWO) - 1), st.sampled_from(BODIES))
def test_a_file_cut_anywhere_is_told_or_whole(stop, bodies):
    try:
        clip = parse_ntu_skeleton(TWO[:stop], NAME, bodies)
    except FormatError:
        return
    # Only the end of the last line can go unnoticed.
    assert stop == len(TWO) - 1
    np.testing.assert_array_equal(clip.coords, parse_ntu_skeleton(TWO, NAME, bodies).coords)


@given(st.binary(max_size=300) | st.text("0123456789. \nnaif-", max_size=300).map(str.encode))
def test_junk_is_told(data):
    try:
        clip = parse_ntu_skeleton(data, NAME)
    except FormatError:
        return
    assert clip.persons == 0


@given(st.integers(0, len(TWO) - 1), st.binary(min_size=1, max_size=3))
def test_damage_in_the_middle_is_told_or_harmless(place, junk):
    try:
        parse_ntu_skeleton(TWO[:place] + junk + TWO[place + len(junk) :], NAME)
    except FormatError as error:
        assert str(error).startswith(NAME)


def test_an_unknown_selection_lists_those_there_are():
    with pytest.raises(GestaError, match="energy, first_two, denoised"):
        parse_ntu_skeleton(TWO, NAME, "best")


def test_real_files_hold_people_in_front_of_the_camera(test_data):
    files = sorted((test_data / "ntu_samples").glob("*.skeleton"))
    assert len(files) == 4
    for file in files:
        for bodies in BODIES:
            clip = read_ntu_skeleton(file, bodies)
            assert clip.persons == (2 if "A058" in file.name else 1)
            assert not np.isnan(clip.coords).any()
            width, height = clip.frame_size
            assert 0 < clip.pixels[..., 0].min() and clip.pixels[..., 0].max() < width
            assert 0 < clip.pixels[..., 1].min() and clip.pixels[..., 1].max() < height
            limb = np.linalg.norm(clip.coords[:, :, 13] - clip.coords[:, :, 12], axis=-1)
            assert 0.2 < limb.min() and limb.max() < 0.7  # left hip to left knee, metres
        assert read_ntu_skeleton(file).frames == int(file.read_text().split()[0])
    first = read_ntu_skeleton(files[0], "first_two")
    np.testing.assert_array_equal(
        first.coords[0, 0, 0], np.float32([0.2181153, 0.1725972, 3.785547])
    )
    np.testing.assert_array_equal(first.pixels[0, 0, 0], np.float32([1036.233, 519.1677]))


def read_line_by_line(path):
    """What a plain reader does: one line after the other, every number of it."""
    with open(path) as file:
        frames = []
        for _ in range(int(file.readline())):
            bodies = []
            for _ in range(int(file.readline())):
                body = [float(word) for word in file.readline().split()]
                joints = int(file.readline())
                bodies.append(
                    (body, [[float(w) for w in file.readline().split()] for _ in range(joints)])
                )
            frames.append(bodies)
    persons = max(len(bodies) for bodies in frames)
    poses = np.full((persons, len(frames), 25, 5), np.nan, np.float32)
    for t, bodies in enumerate(frames):
        for m, (_, joints) in enumerate(bodies):
            poses[m, t] = np.array(joints)[:, [0, 1, 2, 5, 6]]
    return poses


def test_parsing_takes_at_most_half_the_time_of_a_plain_reader(test_data):
    files = sorted((test_data / "ntu_samples").glob("*.skeleton"))
    for file in files:
        np.testing.assert_array_equal(
            read_ntu_skeleton(file, "first_two").coords, read_line_by_line(file)[:2, ..., :3]
        )
    # The best of several turns, taken in turn: other work on the machine slows both alike.
    seconds = {read_line_by_line: [], read_ntu_skeleton: []}
    for _ in range(9):
        for read, times in seconds.items():
            start = time.perf_counter()
            for file in files:
                read(file)
            times.append(time.perf_counter() - start)
    assert min(seconds[read_ntu_skeleton]) <= 0.5 * min(seconds[read_line_by_line])
