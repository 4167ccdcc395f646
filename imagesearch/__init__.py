"""The image-search service: photos go in over HTTP, are described, and are found again."""

import os

# NumPy's BLAS reads this when it is loaded. Its threads wait by spinning, in the way of the inference runtime's:
# a caption's matrices are small, and with two threads it took 96 ms of processor time on a busy machine, not 5.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
