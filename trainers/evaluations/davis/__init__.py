"""DAVIS-2017: masks of the first frame, carried on by features alone, and how well they fit.

`rules` are the published settings, `propagate` carries labels from frame to frame, `measures` are J and F,
`clip` is one clip and `task` is `eval-ssl davis`.
"""
