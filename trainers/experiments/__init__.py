"""Tables of trainings, each a TOML file under experiments/ with what was published, and how they are run.

read checks a file, whose sections are in spec, and based takes the trainings of another; places fills in
where data lie, smoke makes all of it small; trainings lists what is to be trained, suite what is to be
evaluated; run does the trainings.
"""
