"""The front of the local AWS: it receives every request, checks it, and passes it to an engine or to the emulator."""
