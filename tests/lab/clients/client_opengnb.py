"""OpenGNB sends requests and never reads the port that it was granted."""

from programs import OpenGnb


def test_opengnb(tell):
    story = tell(OpenGnb)
    story.begins()
    story.is_reachable(expected=False)
    story.after_90_s(expected=False)
    story.comes_late(300)
    story.ends(deletes=False)
