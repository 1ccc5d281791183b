"""The virtual environment.

    bootstrap   make .venv from requirements.txt; a file that any Python runs, with nothing installed
"""
