"""MiniStack, the emulator under the local AWS. This package is the only place that imports it or touches what is private to it.

`settings` is what it reads from the environment, `repairs` closes the gaps between it and AWS, `hooks` lists what we rely on,
`core` is the rest of the local AWS's way in.
"""

from localaws.emulator.core import Emulator
from localaws.emulator.emulator_settings import SERVICES, Settings

__all__ = ["SERVICES", "Emulator", "Settings"]
