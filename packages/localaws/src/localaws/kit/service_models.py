"""botocore's models of services, each read once: a large one takes a tenth of a second and some megabytes.

The front, the emulator and the engines' clients share them.
"""

from functools import cache

from botocore.loaders import Loader
from botocore.model import ServiceModel

LOADER = Loader()


@cache
def service_model(name: str) -> ServiceModel:
    """The model of a service by botocore's name. Raises UnknownServiceError."""
    return ServiceModel(LOADER.load_service_model(name, "service-2"), service_name=name)
