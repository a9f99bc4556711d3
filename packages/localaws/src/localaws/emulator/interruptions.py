"""Rolls back a stack operation that a kill interrupted, after the restart. AWS would have continued it."""

import copy
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

_NEEDED = ("is_update", "previous_stack", "template", "param_values", "retain_except_on_create")
_REASON = "The local AWS was stopped during the operation."


def remember(handlers: Any, changesets: Any) -> None:
    """Store with every stack what the rollback of its running operation would need. It is saved with the stack."""
    original = handlers._deploy_stack_async
    signature = inspect.signature(original)

    def deploy(*arguments: Any, **named: Any) -> Coroutine[Any, Any, None]:
        from ministack.services.cloudformation import _stacks

        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        stack = _stacks[bound.arguments["stack_name"]]
        stack["_interrupted"] = {name: copy.deepcopy(bound.arguments[name]) for name in _NEEDED}
        work = original(*arguments, **named)

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

    waiting = ("REVIEW_IN_PROGRESS",)  # the stack's first change set was not executed yet
    records = cloudformation._stacks.items()
    return [name for name, stack in records if stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] not in waiting]


def recover(stack_name: str, changed: Callable[[], None]) -> Coroutine[Any, Any, None]:
    """Roll back an interrupted creation or update; continue an interrupted deletion."""
    from ministack.services import cloudformation
    from ministack.services.cloudformation import stacks

    stack = cloudformation._stacks[stack_name]
    record = stack.pop("_interrupted", None)
    if record is None:
        return _finish(stacks._delete_stack_async(stack_name, stack["StackId"]), changed)
    previous = record["previous_stack"] or {}
    before = previous.get("_resources", {})
    operation = stacks._failed_operation(
        is_update=record["is_update"],
        previous_stack=record["previous_stack"],
        created=[name for name, resource in stack.get("_resources", {}).items() if resource != before.get(name)],
        failed_update=None,
        failed_logical_id=None,
        replaced_ids=[],
        cancelled=False,
        template=record["template"],
        param_values=record["param_values"],
        retain_except_on_create=record["retain_except_on_create"],
        stack_tags=stack.get("Tags") or [],
        previous_tags=previous.get("Tags") or [],
    )
    return _finish(stacks._roll_back_operation(stack_name, stack["StackId"], stack, operation, _REASON), changed)


async def _finish(work: Coroutine[Any, Any, None], changed: Callable[[], None]) -> None:
    try:
        await work
    finally:
        changed()
