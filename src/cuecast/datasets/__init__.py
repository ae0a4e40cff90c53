"""Folders of pictures with masks as data: their papers (Croissant), and what is wrong with them."""
