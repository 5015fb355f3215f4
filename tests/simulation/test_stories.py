"""Every story in scenarios/ is a test that a safety manager can read aloud."""

from pathlib import Path

import pytest
from scenario_world import FragileStore
from story import Story, read

FOLDER = Path(__file__).parent / "scenarios"
STORIES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_story_ends_as_told(path: Path, tmp_path: Path) -> None:
    store = FragileStore(f"sqlite:///{tmp_path}/sync.db")
    story = Story(store)
    for sentence in read(path):
        try:
            story.act_out(sentence)
        except AssertionError as error:
            error.add_note(f"{path.name}, line {sentence.number}: {sentence.text}")
            raise
    store.close()


def test_there_are_stories_enough() -> None:
    assert len(STORIES) >= 15


def test_a_sentence_that_nobody_understands_is_no_silent_pass(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text("the moon is full\n", encoding="utf-8")
    store = FragileStore(f"sqlite:///{tmp_path}/sync.db")
    with pytest.raises(ValueError, match="line 1: nobody understands"):
        Story(store).act_out(next(iter(read(path))))
    store.close()
