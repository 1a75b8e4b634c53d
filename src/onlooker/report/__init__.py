"""The report of 2020, reproduced: its networks in Keras as it wrote them, its splits, its figures beside ours."""
