"""Model folders: the student that ships (`student/`), and the checks that a folder passes before it is loaded."""
