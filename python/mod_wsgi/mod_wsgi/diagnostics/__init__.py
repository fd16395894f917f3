"""Applications for looking whether an installation works, for --application-type module."""
