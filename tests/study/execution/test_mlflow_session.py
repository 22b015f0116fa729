"""When the mirror of a run is told where its MLflow server is."""

from study.execution.mlflow_session import once_answered
from tracking.server import Server


class SlowServer(Server):
    """Answers from the third time on that it is asked."""

    asked = 0

    def answers(self, timeout: float = 2.0) -> bool:
        self.asked += 1
        return self.asked == 3


def test_a_server_has_no_address_until_it_has_answered_and_keeps_it_then() -> None:
    server = SlowServer("http://127.0.0.1:5000")
    address = once_answered(server)
    uri = server.uri
    assert [address() for _ in range(5)] == [None, None, uri, uri, uri]
    assert server.asked == 3
