"""`python -m carbonsdk.cli`, where the script `carbonsdk` is not on the path."""

from carbonsdk.cli import main

main()
