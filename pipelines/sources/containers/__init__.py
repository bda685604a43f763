"""File formats that hold many photos, read within fixed bounds."""
