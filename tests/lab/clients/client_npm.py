"""Libraries of npm. All of them send from port 5350, so there is one on a host."""

from programs import NatApi, NatPmp, NatPortMapper


def test_nat_port_mapper(tell):
    """It reports the first external port to its caller and never another one. After a lapse the gateway grants a new
    port, of which the caller does not learn."""
    # In milliseconds: it requests again a minute before the end.
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
    """It never learns which port was granted, so nobody can reach it at the port that it announces."""
    story = tell(NatApi)
    story.begins()
    story.is_reachable(expected=False)
    story.after_90_s(expected=False)
    story.comes_back()
    story.is_held(expected=False)
    story.ends(deletes=True)
