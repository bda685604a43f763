"""Many checkpoints, tasks and seeds in one run that resumes, and their results as the papers' tables.

spec reads the file by sections, sheets says what tables and plots hold; commands says what each task takes;
cells lists what is to be done, run does it; figures, tables and plots are of the results, report writes them
as JSON, markdown and page (HTML).
"""
