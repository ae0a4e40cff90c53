"""Values, geometry, errors and drawing that every other room stands on; numpy and Pillow alone."""
