"""A stack operation that a kill cut short is rolled back after the restart, where AWS would have carried on."""

import asyncio
import contextlib
import copy
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

_REASON = "The local AWS was stopped during the operation."


def remember(handlers: Any, changesets: Any) -> None:
    """Keep with every stack what its running operation would need to be rolled back; it is saved with the stack."""
    original = handlers._deploy_stack_async

    def deploy(
        stack_name: str,
        stack_id: str,
        template: Any,
        parameters: Any,
        disable_rollback: bool,
        tags: Any,
        is_update: bool = False,
        previous_stack: Any = None,
        retain_except_on_create: bool = False,
        **more: Any,
    ) -> Coroutine[Any, Any, None]:
        from ministack.services.cloudformation import _stacks

        stack = _stacks[stack_name]
        stack["_interrupted"] = {
            "is_update": is_update,
            "previous_stack": copy.deepcopy(previous_stack),
            "template": template,
            "param_values": parameters,
            "retain_except_on_create": retain_except_on_create,
        }
        work = original(
            stack_name,
            stack_id,
            template,
            parameters,
            disable_rollback,
            tags,
            is_update=is_update,
            previous_stack=previous_stack,
            retain_except_on_create=retain_except_on_create,
            **more,
        )

        async def run() -> None:
            try:
                await work
            finally:
                stack.pop("_interrupted", None)

        return run()

    handlers._deploy_stack_async = changesets._deploy_stack_async = deploy


def interrupted() -> list[str]:
    """The names of stacks that were in the middle of an operation when the state was saved."""
    from ministack.services import cloudformation

    return [name for name, stack in cloudformation._stacks.items() if stack["StackStatus"].endswith("_IN_PROGRESS")]


def recover(stack_name: str, changed: Callable[[], None]) -> Coroutine[Any, Any, None]:
    """Roll back what was being made or changed; go on deleting what was being deleted."""
    from ministack.services import cloudformation
    from ministack.services.cloudformation import stacks

    stack = cloudformation._stacks[stack_name]
    stack_id, record = stack["StackId"], stack.pop("_interrupted", None)
    if stack["StackStatus"] == "DELETE_IN_PROGRESS" or record is None:
        return _finish(stacks._delete_stack_async(stack_name, stack_id), changed) if record is None else _nothing()
    previous = (record["previous_stack"] or {}).get("_resources", {})
    created = [name for name, resource in stack.get("_resources", {}).items() if resource != previous.get(name)]
    operation = stacks._failed_operation(
        record["is_update"],
        record["previous_stack"],
        created,
        None,
        None,
        [],
        False,
        record["template"],
        record["param_values"],
        record["retain_except_on_create"],
        stack.get("Tags") or [],
        (record["previous_stack"] or {}).get("Tags") or [],
    )
    return _finish(stacks._roll_back_operation(stack_name, stack_id, stack, operation, _REASON), changed)


async def _finish(work: Coroutine[Any, Any, None], changed: Callable[[], None]) -> None:
    try:
        await work
    finally:
        changed()
