"""The command line: wiring only. What a command does lies in the room it calls."""
