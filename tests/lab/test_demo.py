"""The README's first command shows what it promises."""

import demo


def test_every_step_of_the_demo_succeeds():
    assert demo.main() == 0
