"""What a training leaves: the exported network, the report, the contact sheet."""
