import json

import numpy as np
import pytest

from gesta.errors import MediaError, RecipeError, RunError, ShapeError
from gesta.inference import Recognizer, Timing
from gesta.inference.video import Scene, check_watches, is_live, is_video, make_estimator, videos_in
from gesta.skeleton import get_layout


def test_a_video_is_judged_in_windows_and_told_in_seconds(make_watcher, make_video, eyes):
    path = make_video([True] * 30)
    (prediction,) = make_watcher().predict(path, estimator=eyes)
    assert prediction.input == str(path) and prediction.fps == pytest.approx(10)
    (person,) = prediction.persons
    assert person.track == 0
    assert person.segments[0].start == 0 and person.segments[-1].end == pytest.approx(3.0)
    for segment in person.segments:
        assert segment.label == segment.top5[0][0] and len(segment.top5) == 5
    shape = json.loads(json.dumps(prediction.to_dict()))
    assert set(shape["persons"][0]["segments"][0]) == {"start", "end", "label", "top5"}


def test_only_while_somebody_is_seen(make_watcher, make_video, eyes):
    path = make_video([False] * 20 + [True] * 20 + [False] * 20)
    (prediction,) = make_watcher().predict(path, estimator=eyes)
    (person,) = prediction.persons
    assert person.segments[0].start == pytest.approx(2.0)
    assert person.segments[-1].end == pytest.approx(4.0)


def test_a_glimpse_in_a_long_video_is_not_judged(make_watcher, make_video, eyes):
    path = make_video([False] * 20 + [True] * 2 + [False] * 20)
    (prediction,) = make_watcher().predict(path, estimator=eyes)
    assert prediction.persons == ()


def test_windows_that_cannot_be_are_told_before_the_video_is_watched(make_watcher, make_video):
    path = make_video([True] * 5)
    with pytest.raises(RecipeError, match="at most the window of 1.00 s"):
        make_watcher().watch(path, timing=Timing(stride=2.0), progress=pytest.fail)


def test_nobody_is_no_error(make_watcher, make_video, eyes):
    (prediction,) = make_watcher().predict(make_video([False] * 9), estimator=eyes)
    assert prediction.persons == ()


def test_one_frame_is_judged(make_watcher, make_video, eyes):
    (prediction,) = make_watcher().predict(make_video([True]), estimator=eyes)
    (segment,) = prediction.persons[0].segments
    assert (segment.start, segment.end) == (0, pytest.approx(0.1))


def test_the_cards_threshold_counts_unless_another_is_given(make_watcher, make_video, eyes):
    path, strict = make_video([True] * 20), make_watcher(unknown_below=1.0)
    (prediction,) = strict.predict(path, estimator=eyes)
    (segment,) = prediction.persons[0].segments
    assert segment.label == "unknown" and segment.top5[0][1] < 1
    (prediction,) = strict.predict(path, estimator=eyes, timing=Timing(threshold=0.0))
    assert all(segment.label != "unknown" for segment in prediction.persons[0].segments)


def test_clips_and_videos_are_answered_in_order(make_watcher, make_video, eyes, make_sightings):
    recognizer, path = make_watcher(), make_video([True] * 12)
    scene = Scene(make_sightings({0: (0, 12)}, 12), eyes.layout, 10.0, (160, 120), "drawn")
    clip = scene.together(recognizer.card).cut(0, 12).replace(id="clip")
    given = recognizer.predict([clip, path, clip], estimator=eyes)
    assert [one.input for one in given] == ["clip", str(path), "clip"]
    # A clip is judged as a whole and told in frames, as it always was.
    (segment,) = given[0].persons[0].segments
    assert (segment.start, segment.end) == (0, 12)


def test_a_clip_is_cut_into_windows_where_they_are_asked_for(make_watcher, make_sightings):
    recognizer = make_watcher()
    scene = Scene(make_sightings({0: (0, 40)}, 40), get_layout("coco_17"), 10.0, (160, 120), "x")
    clip = scene.together(recognizer.card).cut(0, 40)
    (prediction,) = recognizer.predict(clip, timing=Timing(window=1.0, stride=0.5))
    segments = prediction.persons[0].segments
    assert segments[0].start == 0 and segments[-1].end == 40
    assert all(isinstance(segment.start, int) for segment in segments)
    with pytest.raises(RecipeError, match="does not say how many frames"):
        recognizer.predict(clip.replace(frame_rate=None), timing=Timing(window=1.0))


def test_people_are_numbered_by_presence_and_keep_to_their_frames(flat_card, make_sightings):
    sightings = make_sightings({5: (30, 50), 2: (0, 50)}, 50)
    scene = Scene(sightings, get_layout("coco_17"), 10.0, (640, 480), "film")
    subjects, numbers = scene.apart(flat_card(), None)
    assert numbers == {2: 0, 5: 1} and [one.track for one in subjects] == [0, 1]
    assert (subjects[1].first, len(subjects[1].seen)) == (30, 20)
    clip = subjects[1].cut(35, 45)
    assert clip.persons == 1 and clip.frames == 10
    index = list(sightings[35].tracks).index(5)
    np.testing.assert_array_equal(clip.coords[0, 0], sightings[35].detections.joints[index])
    assert clip.video.times[0] == 3.5
    assert len(scene.apart(flat_card(), 1)[0]) == 1


def test_a_scene_is_judged_as_one(make_watcher, make_video, eyes):
    (prediction,) = make_watcher(scene=True).predict(make_video([True] * 12), estimator=eyes)
    (everybody,) = prediction.persons
    assert everybody.track is None and everybody.segments


def test_another_layout_is_mapped_and_metres_are_refused(make_watcher, make_video, eyes):
    path = make_video([True] * 12)
    other = make_watcher(layout=get_layout("openpose_18"))
    assert other.predict(path, estimator=eyes)[0].persons
    metres = make_watcher(channels=("x", "y", "z"), space="camera_metres")
    with pytest.raises(ShapeError, match="trained on camera_metres, the clip is in pixels"):
        metres.predict(path, estimator=eyes)


def test_what_cannot_be_had_is_said_before_the_video_is_decoded(flat_card, eyes):
    with pytest.raises(RunError, match="context vectors"):
        check_watches(flat_card(), ("poses", "context"), eyes.layout, "film.mp4")
    with pytest.raises(RunError, match="come only once"):
        check_watches(flat_card(), ("poses", "video"), eyes.layout, "camera:0", live=True)


def test_the_estimator_of_the_training_data_is_taken(flat_card, eyes):
    card = flat_card(poses={"estimator": "movenet", "options": {"long_side": 192}})
    assert make_estimator(card).long_side == 192
    assert make_estimator(card, size=320).long_side == 320
    assert make_estimator(flat_card()).long_side == 256
    assert make_estimator(card, eyes) is eyes


def test_windows_that_cannot_be(flat_card):
    for wrong in ({"window": 0.0}, {"stride": -1.0}, {"window": float("nan")}):
        with pytest.raises(RecipeError, match="expected seconds above 0"):
            Timing(**wrong)
    with pytest.raises(RecipeError, match="would not be judged"):
        Timing(window=1.0, stride=2.0)
    with pytest.raises(RecipeError, match="expected at most the window"):
        Timing(stride=2.0).lengths(flat_card(), 0.1)
    with pytest.raises(RecipeError, match="expected a probability"):
        Timing(threshold=1.5)
    assert Timing().lengths(flat_card(), 0.1) == (1.0, 0.25)
    assert Timing().lengths(flat_card(clip_seconds=()), 0.2) == (2.0, 0.5)
    with pytest.raises(RecipeError, match="give the seconds to judge at once"):
        Timing().lengths(flat_card(clip_seconds=(), clip_frames=()), 0.2)


def test_what_is_watched(tmp_path):
    assert is_video("a.MP4") and is_video("rtsp://x/y") and is_video(tmp_path)
    assert not is_video("clip.skeleton") and not is_video("poses.npz")
    assert is_live("camera:0") and is_live("/dev/video1") and not is_live("video.mp4")
    for name in ("b/2.mp4", "a/1.avi", "a/notes.txt", ".hidden.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert videos_in(tmp_path) == [tmp_path / "a" / "1.avi", tmp_path / "b" / "2.mp4"]


def test_a_camera_is_followed_not_watched(make_watcher):
    with pytest.raises(MediaError, match="Recognizer.follow"):
        make_watcher().predict("camera:0")


@pytest.mark.parametrize("content", [b"", b"not a video at all", bytes(5000)])
def test_what_is_no_video_is_refused(make_watcher, tmp_path, content, eyes):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match="film.mp4"):
        make_watcher().predict(path, estimator=eyes)


def test_persons_are_at_least_one(make_watcher, tmp_path):
    with pytest.raises(RecipeError, match="persons: expected at least 1"):
        make_watcher().predict(tmp_path / "a.mp4", persons=0)


def test_from_the_word_demo(make_watcher, tmp_path, monkeypatch):
    from gesta.training import run as run_module
    from gesta.training.card import save_model

    made = make_watcher()
    save_model(tmp_path / "model.safetensors", made.model.state_dict(), made.card)
    (tmp_path / "recipe.toml").write_text('[model]\nname = "st_gcn"\n')
    monkeypatch.setattr(run_module, "_SHIPPED", tmp_path)
    assert Recognizer.from_run("demo", "cpu").classes == made.classes
