"""The pixels of views on a CPU, from draws that are already made."""
