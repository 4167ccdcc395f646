"""`make bench`: measures the service against the usual tutorial pipeline; see `python -m benchmarks --help`."""

from benchmarks.run import main

main()
