"""The command line: one file a noun. Heavy imports wait inside the commands, so that `--help` is quick."""
