"""Local folders and object stores alike.

`location` names what is there, `reading` reads it, `bucket` sends requests, `uploads` writes.
"""
