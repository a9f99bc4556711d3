"""The built-in algorithm Factorization Machines, for the local AWS.

    algorithm.py        FactorizationMachines, the interface for SageMaker
    hyperparameters.py  names, valid values, defaults
    train.py            the training container's process; trainer.py trains, metrics.py writes its log
    row_store.py        the rows of a channel, in memory or in a file
    checkpoint.py       the state of a job, from which a later one trains on
    compiled_loops.py   the arithmetic, compiled
    model.py            the model artifact
    serve.py            the endpoint's answers

docs/factorization-machines.md says what is known about the container and what is assumed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.factorization_machines.algorithm import FactorizationMachines

__all__ = ["FactorizationMachines"]


def __getattr__(name: str) -> Any:
    # the training process runs a module of this package and does not need SageMaker's engine
    if name == "FactorizationMachines":
        from localaws.factorization_machines.algorithm import FactorizationMachines

        return FactorizationMachines
    raise AttributeError(name)
