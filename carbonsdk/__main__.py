"""`python -m carbonsdk`, where the script `carbonsdk` is not on the path."""

from carbonsdk.cli import main

main()
