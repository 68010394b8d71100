"""Syncthing renews by a clock of its own: every 30 minutes, and here every 2 minutes, by its own setting."""

from programs import Syncthing


def test_syncthing(tell):
    story = tell(Syncthing, renewal_min=2)
    story.begins()
    story.is_reachable()
    story.after_90_s(expected=False)
    story.comes_late(120)
    story.is_held()
    assert story.learns_of_another_port(120)
    story.ends(deletes=False)
