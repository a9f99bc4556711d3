"""What a notebook is to mlkit: its file, the files that hand its result to the next one, its journal, and the tables that it shows."""
