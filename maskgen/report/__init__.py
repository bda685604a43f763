"""Pictures and figures for people: contact sheets, measures of masks against truth."""
