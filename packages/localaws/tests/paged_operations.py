"""Every operation of our engines that answers in pages, from the engines themselves and botocore's models."""

import tempfile
from pathlib import Path
from unittest.mock import MagicMock

from botocore.model import OperationModel

from localaws.kit.paging import Paging, paging_of
from localaws.kit.service_models import service_model
from localaws.server.process import make_engines


def _operations() -> list[tuple[OperationModel, bool]]:
    """The operations, and whether their handlers page by themselves."""
    with tempfile.TemporaryDirectory() as home:
        engines = make_engines(
            lambda _: MagicMock(account="123456789012", region="us-east-1", home=lambda service: Path(home) / service),
            MagicMock(),
            MagicMock(),
            MagicMock(),
        )
    return [
        (service_model(name).operation_model(operation), ours.pages_itself)
        for name, engine in engines.items()
        for operation, ours in engine.operations.items()
    ]


def _cut_by_the_front() -> list[tuple[OperationModel, Paging]]:
    found = [(operation, paging_of(operation)) for operation, pages_itself in _operations() if not pages_itself]
    return [(operation, paging) for operation, paging in found if paging is not None]


PAGED = _cut_by_the_front()
PAGED_BY_THEMSELVES = [operation for operation, pages_itself in _operations() if pages_itself]
NAMES = [f"{operation.service_model.service_name}:{operation.name}" for operation, _ in PAGED]
