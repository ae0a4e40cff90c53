"""Whole jobs: folders of images, a video, a volume, a raster. Each can be stopped and goes on where it was."""
