"""Arguments that a person gets wrong: a clear line and status 2, never a traceback."""

from __future__ import annotations

import pytest

from sim.__main__ import main


@pytest.mark.parametrize("port", ["99999", "-1", "abc", ""])
@pytest.mark.parametrize("command", ["acquirer", "panel"])
def test_a_port_that_is_none(command: str, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, f"--port={port}"])
    assert ended.value.code == 2
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err
