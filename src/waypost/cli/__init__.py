"""The command line. Heavy imports wait inside the commands, so that `--help` is quick.

`main.py` lists the commands, which are in rooms by purpose: `founding`, `serving`, `upkeep`, `clients`, `sending`.
None leans on another; what they share is below them, in `control`, `keypairs` and `terminal`.
"""
