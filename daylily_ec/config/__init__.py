"""The operator's settings: triplets, their effective values, directories, packaged resources."""
