"""Model folders: the student that ships (`student/`) and the reader that looks inside ONNX files."""
