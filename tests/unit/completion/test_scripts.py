"""The scripts: each shell's own name for the executable, and no name that means something to a shell."""

from __future__ import annotations

import pytest

from kubectl_lrs.completion.scripts import SCRIPTS, script


@pytest.mark.parametrize("shell", SCRIPTS)
def test_nothing_is_left_to_be_filled_in(shell: str) -> None:
    text = script(shell, "kubectl-data.robot_lrs")
    assert "EXECUTABLE" not in text
    assert "FUNCTION" not in text
    assert "kubectl-data.robot_lrs" in text
    assert "__complete" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_function_has_a_name_that_a_shell_can_call(shell: str) -> None:
    assert "__complete_kubectl_data_robot_lrs" in script(shell, "kubectl-data.robot_lrs")
    assert script(shell, "one") != script(shell, "two")


def test_another_shell() -> None:
    with pytest.raises(KeyError):
        script("tcsh", "kubectl-lrs")
