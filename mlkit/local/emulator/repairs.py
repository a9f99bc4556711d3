"""Where the emulator differs from AWS in a way that matters here, it is put right: each function is one difference."""

from typing import Any


def apply() -> tuple[Any, Any, Any]:
    """Import the emulator, repair it, and return its application, policy evaluator and table of actions."""
    import ministack.app as ms
    from ministack.core import iam_actions as ia
    from ministack.core import iam_evaluator as ev

    close_everything_but_the_api(ms)
    leave_docker_alone(ms)
    take_loopback_for_secure(ms, ev)
    keep_sessions()
    return ms, ev, ia


def close_everything_but_the_api(ms: Any) -> None:
    """No admin paths, no data planes of other services, no virtual hosts: only what is dispatched as a signed call."""

    async def nothing(*_: Any, **__: Any) -> None:
        return None

    ms._handle_pre_body_request = nothing
    ms._handle_post_body_shortcuts = nothing
    ms._handle_special_data_plane_request = nothing


def leave_docker_alone(ms: Any) -> None:
    """MiniStack would look for containers of earlier runs and remove them; we start none."""
    ms._docker_socket_present = lambda: False


def take_loopback_for_secure(ms: Any, ev: Any) -> None:
    """aws:SecureTransport is true, since nothing leaves the machine: a policy that demands TLS must not deny every call."""
    ms.pin_request_origin = lambda address, _secure: ev.pin_request_origin(address, True)


def keep_sessions() -> None:
    """Sessions of roles survive a restart, as they do on AWS."""
    from ministack.services import sts

    sts.get_state = lambda: {"sessions": dict(sts._sessions)}
    sts.load_persisted_state = lambda data: sts._sessions.update(data.get("sessions", {}))
