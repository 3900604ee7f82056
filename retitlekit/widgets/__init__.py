"""Views of a frame for the notebook: plain functions that return what Jupyter can show."""
