"""natpmpc in a loop, as in ProtonVPN's guide."""

from programs import Natpmpc


def test_natpmpc(tell):
    story = tell(Natpmpc)
    story.begins()
    story.is_reachable()
    story.after_90_s()
    assert story.learns_of_another_port(60)
    story.ends(deletes=False)
