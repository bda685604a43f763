"""Many checkpoints, tasks and seeds in one run that resumes, and their results as the papers' tables.

spec reads the file by sections; commands says what each task takes; cells lists what is to be done, run does
it; figures and tables are of the results, report writes them as JSON, markdown and page (HTML).
"""
