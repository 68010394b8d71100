"""Libraries of npm. All ask from port 5350, so one on a host."""

from programs import NatApi, NatPmp, NatPortMapper


def test_nat_port_mapper(tell):
    """Tells its caller the first external port and never another, so a lapse is for good: the gateway gives a new one."""
    # In milliseconds: asked again a minute before the end.
    story = tell(NatPortMapper, ttl=180_000)
    story.begins()
    story.is_reachable()
    story.after_90_s(expected=False)
    story.comes_late(120)
    story.is_held(expected=False)
    story.ends(deletes=False)


def test_nat_port_mapper_always(tell):
    story = tell(NatPortMapper, ttl=180_000, daemon={"LEASE_HOLD": "always"})
    story.begins()
    story.is_reachable()
    story.is_held_from_the_start()
    assert not story.learns_of_another_port(60)
    story.ends(deletes=False)


def test_nat_pmp(tell):
    story = tell(NatPmp)
    story.begins()
    story.is_reachable()
    story.after_90_s(expected=False)
    story.comes_back()
    story.is_held()
    assert not story.learns_of_another_port(30)
    story.ends(deletes=True)


def test_nat_api(tell):
    """Never hears which port was granted, so nobody can reach it where it says."""
    story = tell(NatApi)
    story.begins()
    story.is_reachable(expected=False)
    story.after_90_s(expected=False)
    story.comes_back()
    story.is_held(expected=False)
    story.ends(deletes=True)
