"""`python -m imagesearch`."""
from imagesearch.cli import main

main(prog_name="python -m imagesearch")
