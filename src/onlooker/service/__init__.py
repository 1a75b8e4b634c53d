"""The website, the API and the Rekognition-compatible endpoint."""
