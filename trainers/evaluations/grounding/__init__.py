"""Does an encoder look at the foreground? `cam` is Grad-CAM, `crops` what it is asked on, `scores` of what.

`measure` holds the maps against masks; `task` is `eval-ssl grounding`, `monitor` the same while training, and
`sheet` the overlays of `maskgen preview --cam`.
"""
