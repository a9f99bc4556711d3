"""MiniStack, the emulator below the local AWS. Only this package imports it and uses its private names.

`core` is the interface for the rest of the local AWS. `emulator_settings` sets the environment variables that MiniStack reads.
`repairs` corrects its differences from AWS.
"""

from localaws.emulator.core import Emulator
from localaws.emulator.emulator_settings import SERVICES, Settings

__all__ = ["SERVICES", "Emulator", "Settings"]
