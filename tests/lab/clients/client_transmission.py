"""Transmission 3 renews after 20 minutes, whatever lease it was granted."""

from programs import Transmission


def test_transmission(tell):
    story = tell(Transmission)
    story.begins()
    story.is_reachable()
    story.after_90_s(expected=False)
    story.comes_back()
    story.is_held()
    assert not story.learns_of_another_port(30)
    story.ends(deletes=True)


def test_transmission_always(tell):
    story = tell(Transmission, daemon={"LEASE_HOLD": "always"})
    story.begins()
    story.is_reachable()
    story.is_held_from_the_start()
    assert not story.learns_of_another_port(30)
    story.ends(deletes=True)
