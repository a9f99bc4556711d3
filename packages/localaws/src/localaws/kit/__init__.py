"""What all engines share: each piece of plumbing exists once, here, and an engine holds only what its service does."""
