"""The image-search service: photos go in over HTTP, are described, and are found again."""
