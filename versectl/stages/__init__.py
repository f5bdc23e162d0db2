"""The method: three stages of arrays and points, which read no file and know no Keras."""
